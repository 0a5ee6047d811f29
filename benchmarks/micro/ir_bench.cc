// The IR's own costs by function size: building it, checking it, its text form, and each optimiser pass on what the
// passes before it leave.
#include "ir_gen.h"
#include <benchmark/benchmark.h>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

namespace {
const std::vector<int64_t> sizes = {50, 200, 800};
const bk_optparams params = {1024, false, 0};

uint32_t size_of(const benchmark::State &state) { return static_cast<uint32_t>(state.range(0)); }

std::string text_of(const bk_fn *f) {
    char *text = nullptr;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) std::abort();
    bk_print(f, out);
    std::fclose(out);
    std::string s(text, n);
    std::free(text);
    return s;
}

// per instruction, and how many there are
void count(benchmark::State &state, uint32_t instructions) {
    state.counters["instructions"] = instructions;
    state.counters["per_instruction"] =
        benchmark::Counter(static_cast<double>(instructions) * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void build(benchmark::State &state) {
    uint32_t n = 0;
    for (auto _ : state) {
        ir_gen::Loop loop(size_of(state));
        n = loop.f->nins - 1;
        bk_fn_free(loop.f);
    }
    count(state, n);
}

void verify(benchmark::State &state) {
    ir_gen::Loop loop(size_of(state));
    for (auto _ : state)
        if (const char *wrong = bk_verify(loop.f)) {
            state.SkipWithError(wrong);
            break;
        }
    count(state, loop.f->nins - 1);
    bk_fn_free(loop.f);
}

void print(benchmark::State &state) {
    ir_gen::Loop loop(size_of(state));
    for (auto _ : state) benchmark::DoNotOptimize(text_of(loop.f));
    count(state, loop.f->nins - 1);
    bk_fn_free(loop.f);
}

bk_fn *parsed(const std::string &text) {
    char err[300];
    bk_fn *f = bk_parse(text.c_str(), err, sizeof err);
    if (!f) {
        std::fprintf(stderr, "the generated function does not parse: %s\n", err);
        std::exit(1);
    }
    return f;
}

void parse(benchmark::State &state) {
    ir_gen::Loop loop(size_of(state));
    std::string text = text_of(loop.f);
    for (auto _ : state) bk_fn_free(parsed(text));
    count(state, loop.f->nins - 1);
    bk_fn_free(loop.f);
}

// CPU time: other processes do not count
double now() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// the text of a function as `pass` first gets it in the optimiser's order
std::string before(const char *pass, uint32_t size) {
    ir_gen::Loop loop(size);
    struct Seen {
        const char *pass;
        std::string last, wanted;
        bool found;
    } seen{pass, text_of(loop.f), "", false};
    bk_optstats st{};
    bk_optimize(
        loop.f, &params, &st,
        [](void *ctx, const char *done, const bk_fn *f) {
            auto *s = static_cast<Seen *>(ctx);
            if (!s->found && std::string(done) == s->pass) s->wanted = s->last, s->found = true;
            s->last = text_of(f);
        },
        &seen);
    bk_fn_free(loop.f);
    return seen.wanted;
}

void pass(benchmark::State &state, const char *name) {
    std::string text = before(name, size_of(state));
    uint32_t n = 0;
    for (auto _ : state) {
        bk_fn *f = parsed(text);
        bk_optstats st{};
        n = f->nins - 1;
        double start = now();
        int rc = bk_run_pass(f, name, &params, &st);
        state.SetIterationTime(now() - start);
        const char *wrong = rc ? "the pass failed" : bk_verify(f);
        bk_fn_free(f);
        if (wrong) {
            state.SkipWithError(wrong);
            break;
        }
    }
    count(state, n);
}

void all_passes(benchmark::State &state) {
    uint32_t n = 0;
    for (auto _ : state) {
        ir_gen::Loop loop(size_of(state));
        bk_optstats st{};
        n = loop.f->nins - 1;
        double start = now();
        bk_optimize(loop.f, &params, &st, nullptr, nullptr);
        state.SetIterationTime(now() - start);
        bk_fn_free(loop.f);
    }
    count(state, n);
}

BENCHMARK(build)->ArgsProduct({sizes})->Unit(benchmark::kMicrosecond);
BENCHMARK(verify)->ArgsProduct({sizes})->Unit(benchmark::kMicrosecond);
BENCHMARK(print)->ArgsProduct({sizes})->Unit(benchmark::kMicrosecond);
BENCHMARK(parse)->ArgsProduct({sizes})->Unit(benchmark::kMicrosecond);
#define X(name)                                                                                                        \
    BENCHMARK_CAPTURE(pass, name, #name)->ArgsProduct({sizes})->UseManualTime()->Unit(benchmark::kMicrosecond);
BK_PASSES(X)
#undef X
BENCHMARK(all_passes)->ArgsProduct({sizes})->UseManualTime()->Unit(benchmark::kMicrosecond);
} // namespace

BENCHMARK_MAIN();
