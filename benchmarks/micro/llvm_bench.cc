// The code generator's time by region size: lowering, LLVM's passes, emission with loading, and the whole compile.
// Usage: bench_llvm [BACKEND.so] [Google Benchmark options]; without it, the backend of the same build directory.
#include "beside.h"
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
extern "C" {
#include "bk_backend.h"
#include "lower_gen.h"
}

namespace {
const bk_backend *backend;
const int32_t valid = 1;
bk_layout layout;

// arguments: guards, values carried around the loop, optimisation level
void compile(benchmark::State &state) {
    bk_fn *fn = generate(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
    bk_compile_opts options{};
    options.layout = &layout;
    options.helpers = bk_helpers;
    options.valid = &valid;
    options.level = static_cast<int>(state.range(2));
    double lowering = 0, passes = 0, emission = 0, bytes = 0;
    for (auto _ : state) {
        bk_code code;
        char err[300];
        if (backend->compile(fn, &options, &code, err, sizeof err)) {
            state.SkipWithError(err);
            break;
        }
        state.SetIterationTime((code.lower_ms + code.opt_ms + code.emit_ms) / 1e3);
        lowering += code.lower_ms, passes += code.opt_ms, emission += code.emit_ms;
        bytes = static_cast<double>(code.code_bytes);
        backend->release(&code);
    }
    const auto mean = benchmark::Counter::kAvgIterations;
    state.counters["lowering_ms"] = benchmark::Counter(lowering, mean);
    state.counters["passes_ms"] = benchmark::Counter(passes, mean);
    state.counters["emission_ms"] = benchmark::Counter(emission, mean);
    state.counters["bytes"] = bytes;
    bk_fn_free(fn);
}

void sizes(benchmark::internal::Benchmark *b) {
    b->ArgNames({"guards", "carried", "level"})->UseManualTime()->Unit(benchmark::kMillisecond);
    for (int64_t level : {0, 1})
        for (auto [guards, carried] : {std::pair<int64_t, int64_t>{4, 3}, {30, 6}, {50, 8}, {200, 8}, {200, 30}})
            b->Args({guards, carried, level});
}

bool open_backend(const std::string &path) {
    char err[300] = "";
    void *so = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    using opener = const bk_backend *(*)(char *, size_t);
    auto open = so ? reinterpret_cast<opener>(dlsym(so, "bk_backend_open")) : nullptr;
    backend = open ? open(err, sizeof err) : nullptr;
    if (!backend) std::fprintf(stderr, "no backend: %s\n", so ? err : dlerror());
    return backend != nullptr;
}
} // namespace

BENCHMARK(compile)->Apply(sizes);

int main(int argc, char **argv) {
    const bool given = argc > 1 && std::strstr(argv[1], ".so");
    if (!open_backend(given ? argv[1] : build_directory() + "/backedge/_backedge_llvm.so")) return 1;
    if (given) {
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
