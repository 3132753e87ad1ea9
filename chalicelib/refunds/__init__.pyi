from .service import read as read
from .service import request as request
from .steps import cancel_order as cancel_order
from .steps import give_up as give_up
from .steps import return_money as return_money
