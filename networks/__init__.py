"""Networks: where can goods go? Expansion, routes, closures, calibration.

`build_network` (networks.network), `PathFinder` (networks.paths), `find_routes` (networks.routes),
`calibrate` (networks.calibration). Nothing is imported here: a room costs only what it uses.
"""
