from .service import dependencies as dependencies
