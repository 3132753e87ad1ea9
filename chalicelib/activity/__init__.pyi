from .live import push_live as push_live
from .recorder import record as record
from .recorder import record_profile as record_profile
from .service import of_caller as of_caller
from .service import of_email as of_email
