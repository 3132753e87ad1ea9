from .repetition import repeat as repeat
from .retention import purge_some as purge_some
