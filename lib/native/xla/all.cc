// What is written against XLA, as one file for the compiler: XLA's headers take it twenty seconds and 1.4 GB, each time.
#include "calls.cc"
#include "cpu.cc"
#include "device.cc"
#include "program.cc"
