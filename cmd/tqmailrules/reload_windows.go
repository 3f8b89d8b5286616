package main

import "os"

// reloadSignals are none: a run is ended and begun anew.
var reloadSignals []os.Signal
