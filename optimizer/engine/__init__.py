"""How one problem is solved: relaxation, routes, integers, explanation; special structures."""
