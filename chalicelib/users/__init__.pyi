from .service import administer as administer
from .service import change_profile as change_profile
from .service import confirm as confirm
from .service import profile as profile
from .service import require_active as require_active
from .service import require_admin as require_admin
from .service import search as search
from .sign_up import check_email as check_email
