from .migrations import upgrade as upgrade
from .transaction import after_commit as after_commit
from .transaction import connection as connection
from .transaction import read as read
from .transaction import write as write
