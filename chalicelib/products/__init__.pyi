from .service import archive as archive
from .service import change as change
from .service import create as create
from .service import of_seller as of_seller
from .service import read as read
from .service import search as search
