from .answers import answer as answer
from .asking import ask as ask
from .asking import stop as stop
from .catalogue import index as index
from .service import conversation as conversation
from .service import reply as reply
