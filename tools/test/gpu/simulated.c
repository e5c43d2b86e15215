/*
 * A simulated GPU for TensorFlow's build with CUDA: NVIDIA's driver and libraries, as far as TensorFlow and XLA call them. To be
 * loaded with LD_PRELOAD. It copies and counts, and computes nothing.
 *
 * - TensorFlow opens each of NVIDIA's libraries by its name and asks it for each function. It gets those below; every other one
 *   says that it succeeded.
 * - Device memory is addresses which the host cannot touch; a touch ends the process with exit code 99. Nothing is stored there:
 *   what is copied from it is zeros, as results and as indices that are in range.
 * - Kernels are counted when they are launched, or as nodes of a graph, each time that it is launched.
 * - A loop that XLA compiled asks the device before each turn whether it goes on. No kernel has computed that: it goes on as often
 *   as the field `turns` says.
 *
 * The counters are the file that SIMULATED_GPU names, for a process to read and write while it runs.
 */
#define _GNU_SOURCE
#include <cuda.h>
#include <dlfcn.h>
#include <driver_types.h>
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Defines what a function of NVIDIA's does. The prefix keeps it apart from TensorFlow's own wrapper of that name. */
#define SIMULATED(result, name) __attribute__((visibility("default"))) result simulated_##name
#define CALL(name) __attribute__((visibility("default"))) int simulated_##name

/* ---- Counters ---- */

static struct counters {
  int64_t launches, graphs, nodes, to_device, bytes_to_device, to_host, bytes_to_host, turns;
} *counters;

static void count(int64_t *counter, int64_t by) { __atomic_add_fetch(counter, by, __ATOMIC_RELAXED); }

/* ---- Memory ---- */

#define MEMORY_SIZE (1ull << 40)
#define DEVICE_BYTES (80ull << 30)
static char *device;

static int on_device(const void *p) { return (char *)p >= device && (char *)p < device + MEMORY_SIZE; }

static void *allocate(size_t bytes) {
  static size_t used = 4096;
  return device + __atomic_fetch_add(&used, (bytes + 4095) & ~4095ull, __ATOMIC_RELAXED);
}

static int copy(void *to, const void *from, size_t bytes) {
  if (on_device(to)) {
    count(&counters->to_device, !on_device(from));
    count(&counters->bytes_to_device, on_device(from) ? 0 : bytes);
  } else if (on_device(from)) {
    count(&counters->to_host, 1);
    count(&counters->bytes_to_host, bytes);
    memset(to, 0, bytes);
    if (bytes == 1 && counters->turns > 0) {
      count(&counters->turns, -1);
      *(char *)to = 1;
    }
  } else {
    memmove(to, from, bytes);
  }
  return 0;
}

static struct sigaction other_faults;
static void touched(int signal_number, siginfo_t *info, void *state) {
  if (on_device(info->si_addr)) {
    void *frames[40];
    fprintf(stderr, "The host touched memory of the simulated GPU:\n");
    backtrace_symbols_fd(frames, backtrace(frames, 40), 2);
    _exit(99);
  }
  // The instruction is run again, for whoever knows.
  sigaction(signal_number, &other_faults, 0);
}

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("SIMULATED_GPU");
  int shared = file ? open(file, O_RDWR | O_CREAT, 0600) : -1;
  if (shared >= 0 && ftruncate(shared, sizeof *counters) != 0) abort();
  counters = mmap(0, sizeof *counters, PROT_READ | PROT_WRITE, shared < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, shared, 0);
  int nowhere = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  device = mmap((void *)0x100000000000, MEMORY_SIZE, PROT_NONE, nowhere, -1, 0);
  if (counters == MAP_FAILED || device == MAP_FAILED) abort();
}

/* ---- What opens the libraries and finds the functions ---- */

static char libraries, context;

static void *original(const char *name) { return dlvsym(RTLD_NEXT, name, "GLIBC_2.2.5"); }

__attribute__((noinline)) static int is_simulated(const char *name) {
  static const char *const names[] = {"libcuda.so.1", "libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcudnn.so.9",
                                      "libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12", "libnvidia-ml.so.1"};
  for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) return 1;
  return 0;
}

/* The last call of these two is a jump, so that the originals see who asks. */
__attribute__((visibility("default"))) void *dlopen(const char *name, int flags) {
  static void *(*open_other)(const char *, int);
  if (is_simulated(name)) return &libraries;
  if (!open_other) open_other = original("dlopen");
  return open_other(name, flags);
}

static int succeeds(void) { return 0; }

static void *(*find_other)(void *, const char *);

/* By its name, or by the name without the version. */
static void *find(const char *name) {
  const char *const forms[] = {"simulated_%s_v2", "simulated_%s"};
  for (int i = 0; i < 2; i++) {
    char full[300];
    snprintf(full, sizeof full, forms[i], name);
    void *found = find_other(RTLD_DEFAULT, full);
    if (found) return found;
  }
  return succeeds;
}

__attribute__((visibility("default"))) void *dlsym(void *library, const char *name) {
  if (!find_other) find_other = original("dlsym");
  if (library == &libraries) return find(name);
  return find_other(library, name);
}

CALL(cuGetProcAddress)(const char *name, void **function) { return *function = find(name), 0; }
CALL(cuGetProcAddress_v2)(const char *name, void **function, int version, uint64_t flags, int *status) {
  if (status) *status = 0;
  return *function = find(name), 0;
}
CALL(cudaGetDriverEntryPoint)(const char *name, void **function) { return *function = find(name), 0; }
CALL(cudaGetDriverEntryPointByVersion)(const char *name, void **function) { return *function = find(name), 0; }

/* ---- The device ---- */

#define SAY(name, type, value) \
  CALL(name)(type *result) { return *result = (value), 0; }

static int attribute(CUdevice_attribute which) {
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return 9;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return 132;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1980000;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 2619000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 5120;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: return 50 << 20;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return 2048;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return 48 << 10;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return 227 << 10;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return 228 << 10;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: return 32;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: return 1;
    default: return 0;
  }
}

/* Node.js forgets at its start what was set before. */
CALL(cuInit)(void) {
  struct sigaction action = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO};
  return sigaction(SIGSEGV, &action, other_faults.sa_flags || other_faults.sa_sigaction ? 0 : &other_faults);
}
SAY(cuDriverGetVersion, int, 12090)
SAY(cudaDriverGetVersion, int, 12090)
SAY(cudaRuntimeGetVersion, int, 12090)
SAY(cuDeviceGetCount, int, 1)
SAY(cudaGetDeviceCount, int, 1)
SAY(cudaGetDevice, int, 0)
SAY(cuCtxGetDevice, int, 0)
CALL(cuDeviceGet)(int *result, int index) { return *result = index, 0; }
CALL(cuDeviceGetName)(char *name, int length) { return snprintf(name, length, "Simulated H100"), 0; }
CALL(cuDeviceGetPCIBusId)(char *name, int length) { return snprintf(name, length, "0000:07:00.0"), 0; }
CALL(cuDeviceTotalMem_v2)(size_t *bytes) { return *bytes = DEVICE_BYTES, 0; }
CALL(cuMemGetInfo_v2)(size_t *free, size_t *total) { return *free = *total = DEVICE_BYTES, 0; }
CALL(cuDeviceGetAttribute)(int *result, int which) { return *result = attribute(which), 0; }
CALL(cudaDeviceGetAttribute)(int *result, int which) { return *result = attribute(which), 0; }
CALL(cuDeviceComputeCapability)(int *major, int *minor) { return *major = 9, *minor = 0, 0; }
CALL(cuDeviceCanAccessPeer)(int *result) { return *result = 0, 0; }
CALL(cuCtxGetStreamPriorityRange)(int *least, int *greatest) { return *least = 0, *greatest = -5, 0; }
CALL(cudaDeviceGetStreamPriorityRange)(int *least, int *greatest) { return *least = 0, *greatest = -5, 0; }
CALL(cudaGetDeviceProperties_v2)(struct cudaDeviceProp *p) {
  memset(p, 0, sizeof *p);
  strcpy(p->name, "Simulated H100");
  p->major = 9;
  p->warpSize = 32;
  p->multiProcessorCount = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->maxThreadsPerMultiProcessor = attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  p->sharedMemPerBlock = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
  p->regsPerBlock = attribute(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
  return 0;
}

/* ---- Contexts: there is one ---- */

static __thread void *current;
CALL(cuDevicePrimaryCtxRetain)(void **result) { return *result = &context, 0; }
CALL(cuDevicePrimaryCtxGetState)(int of, unsigned *flags, int *is_active) { return *flags = 0, *is_active = 1, 0; }
CALL(cuCtxGetCurrent)(void **result) { return *result = current, 0; }
CALL(cuCtxSetCurrent)(void *wanted) { return current = wanted, 0; }
CALL(cuCtxPushCurrent_v2)(void *wanted) { return current = wanted, 0; }
CALL(cuCtxPopCurrent_v2)(void **result) {
  if (result) *result = current;
  return 0;
}
CALL(cuStreamGetCtx)(void *stream, void **result) { return *result = &context, 0; }
SIMULATED(const char *, cudaGetErrorString)(int error) { return error ? "simulated error" : "no error"; }
SIMULATED(const char *, cudaGetErrorName)(int error) { return error ? "cudaErrorSimulated" : "cudaSuccess"; }
CALL(cuGetErrorName)(int error, const char **name) { return *name = error ? "CUDA_ERROR_SIMULATED" : "CUDA_SUCCESS", 0; }
CALL(cuGetErrorString)(int error, const char **text) { return *text = simulated_cudaGetErrorString(error), 0; }

/* ---- Allocations and copies, which are done when they are asked for ---- */

CALL(cuMemAlloc_v2)(void **result, size_t bytes) { return *result = allocate(bytes), 0; }
CALL(cudaMalloc)(void **result, size_t bytes) { return *result = allocate(bytes), 0; }
CALL(cuMemAllocAsync)(void **result, size_t bytes) { return *result = allocate(bytes), 0; }
CALL(cuMemHostAlloc)(void **result, size_t bytes) { return posix_memalign(result, 4096, bytes ? bytes : 1); }
CALL(cuMemAllocHost_v2)(void **result, size_t bytes) { return simulated_cuMemHostAlloc(result, bytes); }
CALL(cudaMallocHost)(void **result, size_t bytes) { return simulated_cuMemHostAlloc(result, bytes); }
CALL(cuMemFreeHost)(void *memory) { return free(memory), 0; }
CALL(cuPointerGetAttribute)(void *result, CUpointer_attribute which, void *pointer) {
  if (which == CU_POINTER_ATTRIBUTE_MEMORY_TYPE && on_device(pointer)) return *(unsigned *)result = CU_MEMORYTYPE_DEVICE, 0;
  if (which == CU_POINTER_ATTRIBUTE_CONTEXT) return *(void **)result = &context, 0;
  if (which == CU_POINTER_ATTRIBUTE_DEVICE_POINTER) return *(void **)result = pointer, 0;
  if (which == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) return *(int *)result = 0, 0;
  return CUDA_ERROR_INVALID_VALUE;
}

#define COPY(name) \
  CALL(name)(void *to, const void *from, size_t bytes) { return copy(to, from, bytes); }
COPY(cuMemcpy) COPY(cuMemcpyAsync) COPY(cuMemcpyHtoD_v2) COPY(cuMemcpyDtoH_v2) COPY(cuMemcpyDtoD_v2)
COPY(cuMemcpyHtoDAsync_v2) COPY(cuMemcpyDtoHAsync_v2) COPY(cuMemcpyDtoDAsync_v2) COPY(cudaMemcpy) COPY(cudaMemcpyAsync)

/* ---- Streams: callbacks run in their order on a thread of the "driver" ---- */

struct graph { int64_t nodes; };
struct stream { struct graph *captured; };

static struct stream default_stream;
static struct stream *stream_of(void *handle) {
  // 0, 1 and 2 name default streams.
  return (uintptr_t)handle < 3 ? &default_stream : handle;
}

CALL(cuStreamCreate)(void **result) { return *result = calloc(1, sizeof(struct stream)), 0; }
CALL(cuStreamCreateWithPriority)(void **result) { return simulated_cuStreamCreate(result); }
CALL(cudaStreamCreateWithFlags)(void **result) { return simulated_cuStreamCreate(result); }
CALL(cuEventCreate)(void **result) { return *result = malloc(1), 0; }
CALL(cudaEventCreateWithFlags)(void **result) { return simulated_cuEventCreate(result); }
CALL(cuEventElapsedTime)(float *milliseconds) { return *milliseconds = 0.01f, 0; }
CALL(cuEventElapsedTime_v2)(float *milliseconds) { return *milliseconds = 0.01f, 0; }

struct job { void (*run)(void *); void *argument; struct job *next; };
static struct job *jobs, **last_job = &jobs;
static int is_running;
static pthread_mutex_t job_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_came = PTHREAD_COND_INITIALIZER, jobs_done = PTHREAD_COND_INITIALIZER;

static void *work(void *unused) {
  pthread_mutex_lock(&job_lock);
  for (;;) {
    while (!jobs) {
      pthread_cond_broadcast(&jobs_done);
      pthread_cond_wait(&job_came, &job_lock);
    }
    struct job *job = jobs;
    if (!(jobs = job->next)) last_job = &jobs;
    is_running = 1;
    pthread_mutex_unlock(&job_lock);
    job->run(job->argument);
    free(job);
    pthread_mutex_lock(&job_lock);
    is_running = 0;
  }
  return unused;
}

CALL(cuLaunchHostFunc)(void *stream, void (*run)(void *), void *argument) {
  static pthread_t worker;
  struct job *job = malloc(sizeof *job);
  *job = (struct job){run, argument, 0};
  pthread_mutex_lock(&job_lock);
  if (!worker) pthread_create(&worker, 0, work, 0);
  *last_job = job;
  last_job = &job->next;
  pthread_cond_signal(&job_came);
  pthread_mutex_unlock(&job_lock);
  return 0;
}

struct callback { void (*run)(void *, int, void *); void *stream, *argument; };
static void call_back(void *data) {
  struct callback *callback = data;
  callback->run(callback->stream, 0, callback->argument);
  free(callback);
}
CALL(cuStreamAddCallback)(void *stream, void (*run)(void *, int, void *), void *argument) {
  struct callback *callback = malloc(sizeof *callback);
  *callback = (struct callback){run, stream, argument};
  return simulated_cuLaunchHostFunc(stream, call_back, callback);
}

static int wait_for_jobs(void) {
  pthread_mutex_lock(&job_lock);
  while (jobs || is_running) pthread_cond_wait(&jobs_done, &job_lock);
  pthread_mutex_unlock(&job_lock);
  return 0;
}
CALL(cuStreamSynchronize)(void) { return wait_for_jobs(); }
CALL(cuCtxSynchronize)(void) { return wait_for_jobs(); }
CALL(cuEventSynchronize)(void) { return wait_for_jobs(); }
CALL(cudaStreamSynchronize)(void) { return wait_for_jobs(); }
CALL(cudaDeviceSynchronize)(void) { return wait_for_jobs(); }

/* ---- Kernels and graphs ---- */

static int launch(void *stream) {
  struct graph *captured = stream_of(stream)->captured;
  if (captured)
    captured->nodes++;
  else
    count(&counters->launches, 1);
  return 0;
}

/* A module is its ELF file, or empty where it is not one. A function is what its module is. */
static size_t symbol_size(const char *module, const char *name) {
  const Elf64_Ehdr *header = (const void *)module;
  if (memcmp(module, ELFMAG, SELFMAG)) return 0;
  const Elf64_Shdr *sections = (const void *)(module + header->e_shoff);
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbols = (const void *)(module + sections[i].sh_offset);
    const char *names = module + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++)
      if (!strcmp(names + symbols[k].st_name, name)) return symbols[k].st_size;
  }
  return 0;
}

static size_t elf_size(const char *image) {
  const Elf64_Ehdr *header = (const void *)image;
  const Elf64_Shdr *sections = (const void *)(image + header->e_shoff);
  size_t end = header->e_shoff + header->e_shnum * sizeof *sections;
  for (int i = 0; i < header->e_shnum; i++) {
    size_t section_end = sections[i].sh_offset + (sections[i].sh_type == SHT_NOBITS ? 0 : sections[i].sh_size);
    if (section_end > end) end = section_end;
  }
  return end;
}

CALL(cuModuleLoadData)(void **module, const char *image) {
  if (memcmp(image, ELFMAG, SELFMAG)) return *module = calloc(1, SELFMAG), 0;
  size_t size = elf_size(image);
  return *module = memcpy(malloc(size), image, size), 0;
}
CALL(cuModuleLoadDataEx)(void **module, const char *image) { return simulated_cuModuleLoadData(module, image); }
CALL(cuModuleLoadFatBinary)(void **module, const char *image) { return simulated_cuModuleLoadData(module, image); }
CALL(cuModuleGetFunction)(void **function, const char *module, const char *name) {
  if (!memcmp(module, ELFMAG, SELFMAG) && !symbol_size(module, name)) return CUDA_ERROR_NOT_FOUND;
  return *function = (void *)module, 0;
}
CALL(cuModuleGetGlobal_v2)(void **address, size_t *bytes, const char *module, const char *name) {
  size_t size = symbol_size(module, name);
  if (!size) return CUDA_ERROR_NOT_FOUND;
  if (address) *address = allocate(size);
  if (bytes) *bytes = size;
  return 0;
}
CALL(cuFuncGetAttribute)(int *result, CUfunction_attribute which) {
  return *result = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : which == CU_FUNC_ATTRIBUTE_NUM_REGS ? 32 : 0, 0;
}
CALL(cudaFuncGetAttributes)(struct cudaFuncAttributes *result) {
  memset(result, 0, sizeof *result);
  result->maxThreadsPerBlock = 1024;
  result->numRegs = 32;
  return 0;
}
SAY(cuOccupancyMaxActiveBlocksPerMultiprocessor, int, 8)
SAY(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, int, 8)
SAY(cudaOccupancyMaxActiveBlocksPerMultiprocessor, int, 8)
SAY(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, int, 8)
CALL(cuOccupancyMaxPotentialBlockSize)(int *grid, int *block) { return *grid = 132, *block = 256, 0; }
CALL(cudaGetFuncBySymbol)(void **function, void *symbol) { return *function = symbol, 0; }
CALL(cudaGetSymbolAddress)(void **address) { return *address = allocate(1 << 16), 0; }

CALL(cuLaunchKernel)(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream) {
  return launch(stream);
}
CALL(cuLaunchKernelEx)(const CUlaunchConfig *config) { return launch(config->hStream); }
CALL(cudaLaunchKernel)(const void *function, struct dim3 grid, struct dim3 block, void **arguments, size_t shared, void *stream) {
  return launch(stream);
}
CALL(cudaLaunchKernelExC)(const cudaLaunchConfig_t *config) { return launch(config->stream); }

/* What a kernel is launched with lies between the two calls that the compiler makes of <<<…>>>. */
SIMULATED(void **, __cudaRegisterFatBinary)(void) {
  static void *handle;
  return &handle;
}
static __thread struct { struct dim3 grid, block; size_t shared; void *stream; } configuration;
CALL(__cudaPushCallConfiguration)(struct dim3 grid, struct dim3 block, size_t shared, void *stream) {
  configuration.grid = grid;
  configuration.block = block;
  configuration.shared = shared;
  configuration.stream = stream;
  return 0;
}
CALL(__cudaPopCallConfiguration)(struct dim3 *grid, struct dim3 *block, size_t *shared, void **stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared = configuration.shared;
  *stream = configuration.stream;
  return 0;
}

static int64_t nodes_of(struct graph *graph) { return graph->nodes; }
static int add_node(void **node, struct graph *graph, int64_t nodes) {
  graph->nodes += nodes;
  return *node = malloc(1), 0;
}
CALL(cuGraphCreate)(void **graph) { return *graph = calloc(1, sizeof(struct graph)), 0; }
CALL(cuGraphAddKernelNode_v2)(void **node, void *graph) { return add_node(node, graph, 1); }
CALL(cuGraphAddMemcpyNode)(void **node, void *graph) { return add_node(node, graph, 1); }
CALL(cuGraphAddMemsetNode)(void **node, void *graph) { return add_node(node, graph, 1); }
CALL(cuGraphAddEmptyNode)(void **node, void *graph) { return add_node(node, graph, 0); }
CALL(cuGraphAddNode_v2)(void **node, void *graph) { return add_node(node, graph, 1); }
CALL(cuGraphAddChildGraphNode)(void **node, void *graph, const void *before, size_t count_before, struct graph *child) {
  return add_node(node, graph, nodes_of(child));
}
CALL(cuGraphGetNodes)(struct graph *graph, void **nodes, size_t *number) {
  for (size_t i = 0; nodes && i < *number; i++) nodes[i] = malloc(1);
  return *number = graph->nodes, 0;
}
CALL(cuGraphGetRootNodes)(struct graph *graph, void **nodes, size_t *number) { return simulated_cuGraphGetNodes(graph, nodes, number); }
SAY(cuGraphNodeGetType, int, 0)
/* An executable graph is the graph. */
CALL(cuGraphInstantiateWithFlags)(void **executable, void *graph) { return *executable = graph, 0; }
CALL(cuGraphInstantiate)(void **executable, void *graph) { return *executable = graph, 0; }
CALL(cuGraphLaunch)(struct graph *graph) {
  count(&counters->graphs, 1);
  count(&counters->nodes, nodes_of(graph));
  return 0;
}

CALL(cuStreamBeginCapture_v2)(void *stream) { return simulated_cuGraphCreate((void **)&stream_of(stream)->captured); }
CALL(cuStreamBeginCaptureToGraph)(void *stream, struct graph *graph) { return stream_of(stream)->captured = graph, 0; }
CALL(cuStreamEndCapture)(void *stream, void **graph) {
  *graph = stream_of(stream)->captured;
  stream_of(stream)->captured = 0;
  return 0;
}
CALL(cuStreamIsCapturing)(void *stream, int *status) { return *status = stream_of(stream)->captured != 0, 0; }
CALL(cudaStreamIsCapturing)(void *stream, int *status) { return simulated_cuStreamIsCapturing(stream, status); }

/* ---- cuBLAS, cuDNN and others: each product, convolution or pooling is a launch ---- */

#define CREATES(name) \
  CALL(name)(void **result) { return *result = calloc(1, 4096), 0; }
struct handle { void *stream; };
CREATES(cublasCreate_v2) CREATES(cublasLtCreate) CREATES(cublasLtMatmulDescCreate) CREATES(cublasLtMatrixLayoutCreate)
CREATES(cublasLtMatmulPreferenceCreate) CREATES(cusolverDnCreate) CREATES(cusparseCreate) CREATES(cudnnCreate)
CREATES(cudnnCreateTensorDescriptor) CREATES(cudnnCreateFilterDescriptor) CREATES(cudnnCreateConvolutionDescriptor)
CREATES(cudnnCreatePoolingDescriptor) CREATES(cudnnCreateActivationDescriptor) CREATES(cudnnCreateLRNDescriptor)
CALL(cudnnBackendCreateDescriptor)(int type, void **result) { return *result = calloc(1, 4096), 0; }
CALL(cublasSetStream_v2)(struct handle *handle, void *stream) { return handle->stream = stream, 0; }
CALL(cudnnSetStream)(struct handle *handle, void *stream) { return handle->stream = stream, 0; }

#define VERSION(library, major, minor, patch) \
  CALL(library##GetProperty)(int part, int *value) { return *value = part == 0 ? major : part == 1 ? minor : patch, 0; }
VERSION(cublas, 12, 9, 1) VERSION(cublasLt, 12, 9, 1) VERSION(cudnn, 9, 28, 0)
CALL(cublasGetVersion_v2)(void *handle, int *version) { return *version = 120901, 0; }
SIMULATED(size_t, cublasLtGetVersion)(void) { return 120901; }
SIMULATED(size_t, cublasLtGetCudartVersion)(void) { return 12090; }
SIMULATED(size_t, cudnnGetVersion)(void) { return 92800; }
SIMULATED(size_t, cudnnGetCudartVersion)(void) { return 12090; }
SIMULATED(const char *, cudnnGetErrorString)(void) { return "simulated"; }
SIMULATED(const char *, cublasGetStatusString)(void) { return "simulated"; }
SIMULATED(const char *, nvmlErrorString)(void) { return "simulated"; }

CALL(cublasGetMathMode)(void *handle, int *mode) { return *mode = 0, 0; }
CALL(cublasGetPointerMode_v2)(void *handle, int *mode) { return *mode = 0, 0; }
CALL(cublasLtMatmulDescGetAttribute)(void *of, int which, void *value, size_t bytes) { return memset(value, 0, bytes), 0; }
CALL(cublasLtMatrixLayoutGetAttribute)(void *of, int which, void *value, size_t bytes) { return memset(value, 0, bytes), 0; }
/* cublasLtMatmulHeuristicResult_t, whose header needs more than the wheels have. */
struct heuristic { uint64_t algorithm[8]; size_t workspace; int status; float waves; int reserved[4]; };
CALL(cublasLtMatmulAlgoGetHeuristic)(void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int wanted,
                                     struct heuristic *results, int *found) {
  memset(results, 0, sizeof *results);
  results->waves = 1;
  return *found = 1, 0;
}
CALL(cudnnBackendGetAttribute)(void *descriptor, int which, int type, int64_t wanted, int64_t *found, void *values) {
  const int is_int64 = 3;
  if (found) *found = 1;
  if (values && wanted > 0 && type == is_int64) *(int64_t *)values = 0;
  return 0;
}
CALL(cublasLtMatmul)(void *handle, void *product, void *alpha, void *a, void *la, void *b, void *lb, void *beta, void *c, void *lc,
                     void *d, void *ld, void *algorithm, void *workspace, size_t bytes, void *stream) {
  return launch(stream);
}
#define COMPUTES(name) \
  CALL(name)(struct handle *handle) { return launch(handle->stream); }
COMPUTES(cublasSgemm_v2) COMPUTES(cublasSgemmBatched) COMPUTES(cublasSgemmStridedBatched) COMPUTES(cublasGemmEx)
COMPUTES(cublasGemmBatchedEx) COMPUTES(cublasGemmStridedBatchedEx) COMPUTES(cublasSgemv_v2) COMPUTES(cudnnBackendExecute)
COMPUTES(cudnnPoolingForward) COMPUTES(cudnnPoolingBackward) COMPUTES(cudnnConvolutionForward)
COMPUTES(cudnnConvolutionBackwardData) COMPUTES(cudnnConvolutionBackwardFilter)
