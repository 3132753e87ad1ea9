from .service import record as record
from .service import search as search
