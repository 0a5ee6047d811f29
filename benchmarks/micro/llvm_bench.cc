// The code generator's time by region size: lowering, LLVM's passes, emission with loading, and the whole compile.
// Usage: llvm_bench BACKEND.so [Google Benchmark options]
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

enum Part { lowering, passes, emission, whole };

// arguments: guards, values carried around the loop, optimisation level
void compile(benchmark::State &state, Part part) {
    bk_fn *fn = generate(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
    bk_compile_opts options{};
    options.layout = &layout;
    options.helpers = bk_helpers;
    options.valid = &valid;
    options.level = static_cast<int>(state.range(2));
    double bytes = 0;
    for (auto _ : state) {
        bk_code code;
        char err[300];
        if (backend->compile(fn, &options, &code, err, sizeof err)) {
            state.SkipWithError(err);
            break;
        }
        const double ms[] = {code.lower_ms, code.opt_ms, code.emit_ms, code.lower_ms + code.opt_ms + code.emit_ms};
        state.SetIterationTime(ms[part] / 1e3);
        bytes = static_cast<double>(code.code_bytes);
        backend->release(&code);
    }
    state.counters["bytes"] = bytes;
    bk_fn_free(fn);
}

void sizes(benchmark::internal::Benchmark *b) {
    b->ArgNames({"guards", "carried", "level"})->UseManualTime()->Unit(benchmark::kMillisecond);
    for (int64_t level : {0, 1})
        for (auto [guards, carried] : {std::pair<int64_t, int64_t>{4, 3}, {30, 6}, {50, 8}, {200, 8}, {200, 30}})
            b->Args({guards, carried, level});
}

bool open_backend(const char *path) {
    char err[300] = "";
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    using opener = const bk_backend *(*)(char *, size_t);
    auto open = so ? reinterpret_cast<opener>(dlsym(so, "bk_backend_open")) : nullptr;
    backend = open ? open(err, sizeof err) : nullptr;
    if (!backend) std::fprintf(stderr, "no backend: %s\n", so ? err : dlerror());
    return backend != nullptr;
}
} // namespace

BENCHMARK_CAPTURE(compile, lowering, lowering)->Apply(sizes);
BENCHMARK_CAPTURE(compile, passes, passes)->Apply(sizes);
BENCHMARK_CAPTURE(compile, emission, emission)->Apply(sizes);
BENCHMARK_CAPTURE(compile, whole, whole)->Apply(sizes);

int main(int argc, char **argv) {
    if (argc < 2 || !open_backend(argv[1])) return 1;
    argv[1] = argv[0];
    argc--;
    argv++;
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
