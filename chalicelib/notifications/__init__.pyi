from .emails import by_email as by_email
from .pushes import by_push as by_push
from .service import record_mail_event as record_mail_event
from .service import register_device as register_device
from .service import remove_device as remove_device
