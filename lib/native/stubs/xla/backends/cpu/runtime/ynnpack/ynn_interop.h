// Stands for a header of XLA that includes YNNPACK's, which TensorFlow's package lacks.
#pragma once
