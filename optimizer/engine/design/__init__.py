"""Multicommodity capacitated fixed-charge network design: the engine for this special structure.

`optimizer.engine.design.problem` holds the data and the answer, `.solve` the method,
`.certificate` the independent evaluation of a bound. Nothing is imported here, so that reading
a problem costs neither numba nor a solver.
"""
