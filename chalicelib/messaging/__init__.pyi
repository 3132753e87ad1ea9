from .consumer import consume as consume
from .delivery import deliver as deliver
from .redrive import answer_operator as answer_operator
from .redrive import dead_letters as dead_letters
from .redrive import queue_states as queue_states
from .redrive import redrive as redrive
from .relay import relay_due as relay_due
