from .publication import publish as publish
from .service import original as original
from .service import read as read
from .service import start as start
