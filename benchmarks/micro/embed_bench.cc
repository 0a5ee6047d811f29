// What the JIT costs around native code, seen from a host that embeds CPython: an event at a back edge, entering with
// leaving, side exits by live values, recording, building a region, publication. Each figure is a median over rounds in
// which the variants that are compared take turns; times are CPU times of this thread.
// Usage: bench_embed [Google Benchmark options]
#include "beside.h"
#include "host.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <ctime>
#include <functional>

namespace {
using host::Ref;
constexpr int rounds = 41, calls = 500;

double now_ns() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<long>(v.size() / 2), v.end());
    return v[v.size() / 2];
}

// a function with its arguments: what is timed
struct Variant {
    Ref function;
    std::vector<Ref> args;
    Variant(Ref f, std::initializer_list<long> numbers) : function(f) {
        for (long n : numbers) args.push_back(host::number(n));
    }
    void run(int times) const {
        PyObject *stack[8];
        for (size_t i = 0; i < args.size(); i++) stack[i] = args[i].get();
        for (int i = 0; i < times; i++)
            Py_DECREF(host::must(PyObject_Vectorcall(function.get(), stack, args.size(), nullptr)));
    }
};

// ns of one call of each variant
std::vector<double> ns_per_call(const std::vector<Variant> &variants, int times = calls) {
    std::vector<std::vector<double>> seen(variants.size());
    for (const Variant &v : variants) v.run(times); // warm
    for (int r = 0; r < rounds; r++)
        for (size_t k = 0; k < variants.size(); k++) {
            double start = now_ns();
            variants[k].run(times);
            seen[k].push_back((now_ns() - start) / times);
        }
    std::vector<double> result;
    for (auto &v : seen) result.push_back(median(v));
    return result;
}

double stat(const char *name) { return host::field(host::call("stats"), name); }

// errors of Python code become the benchmark's
void guarded(benchmark::State &state, const std::function<double()> &figure_ns) {
    for (auto _ : state) try {
            state.SetIterationTime(std::max(0.0, figure_ns()) * 1e-9);
        } catch (const host::Error &e) {
            state.SkipWithError(e.what());
            break;
        }
}

// ---- one event at the back edge of a loop that is watched, but cold
// --------------------------------------------------
void back_edge_event(benchmark::State &state) {
    guarded(state, [&] {
        constexpr long n = 10000;
        Ref plain = host::name("spin");
        auto ns = ns_per_call({{plain, {n}}, {host::call("watched", {plain}), {n}}}, 5);
        state.counters["plain_ns"] = ns[0] / n;
        state.counters["watched_ns"] = ns[1] / n;
        return (ns[1] - ns[0]) / n;
    });
}

// ---- native code entered at the first back edge, left at the loop's end: no native iteration in between
// --------------
void entry_and_exit(benchmark::State &state, const char *kind) {
    guarded(state, [&] {
        Ref plain = host::call("carried", {host::number(state.range(0)), host::text(kind)});
        Ref native = host::call("compiled", {plain, host::number(2000), host::number(-1)});
        double before = stat("entries");
        auto ns = ns_per_call({{host::call("fresh", {plain}), {1, -1}},
                               {host::call("watched", {plain}), {1, -1}},
                               {native, {1, -1}},
                               {native, {1001, -1}}});
        if (stat("entries") - before < 2.0 * calls * rounds) throw host::Error("native code was not entered each time");
        state.counters["event_ns"] = ns[1] - ns[0];
        state.counters["beyond_event_ns"] = ns[2] - ns[1];
        state.counters["iteration_ns"] = (ns[3] - ns[2]) / 1000;
        return ns[2] - ns[0];
    });
}

// ---- native code left through a branch that was never taken while recording, by unboxed values to be boxed
// ------------
void side_exit(benchmark::State &state, const char *kind) {
    guarded(state, [&] {
        Ref plain = host::call("carried", {host::number(state.range(0)), host::text(kind)});
        Ref native = host::call("compiled", {plain, host::number(2000), host::number(-1)});
        double before = stat("exits");
        auto ns = ns_per_call({{host::call("fresh", {plain}), {5000, 0}},
                               {host::call("watched", {plain}), {5000, 0}},
                               {native, {5000, 1}},
                               {native, {5000, 1001}},
                               {native, {1, -1}}});
        if (stat("exits") - before < 3.0 * calls * rounds) throw host::Error("native code was not left each time");
        double iteration = (ns[3] - ns[2]) / 1000;
        state.counters["iteration_ns"] = iteration;
        state.counters["at_loop_end_ns"] = ns[4] - ns[1];
        return ns[2] - ns[0] - iteration;
    });
}

// ---- recording
// ---------------------------------------------------------------------------------------------------------
double first_call_ns(const char *copy, const Ref &function, long n, double *events) {
    std::vector<double> seen;
    for (int r = 0; r < rounds; r++) {
        Variant v(host::call(copy, {function}), {n});
        double before = stat("record_events"), start = now_ns();
        v.run(1);
        seen.push_back(now_ns() - start);
        if (events) *events = stat("record_events") - before;
    }
    return median(seen);
}

void recording_per_instruction(benchmark::State &state) {
    guarded(state, [&] {
        Ref f = host::call("nest", {host::number(40)});
        double few = 0, many = 0;
        double recorded_few = first_call_ns("recording", f, 10, &few),
               plain_few = first_call_ns("fresh", f, 10, nullptr);
        double recorded = first_call_ns("recording", f, 110, &many), plain = first_call_ns("fresh", f, 110, nullptr);
        if (many - few < 1000) throw host::Error("nothing was recorded");
        double each = (recorded - recorded_few - (plain - plain_few)) / (many - few);
        state.counters["events"] = many;
        state.counters["start_us"] = (recorded_few - plain_few - few * each) / 1e3;
        return each;
    });
}

// ---- from the first recorded instruction to published code, on the calling thread
// --------------------------------------
void region(benchmark::State &state) {
    guarded(state, [&] {
        static const char *const phases[] = {"build", "opt", "lower", "llvm", "emit"};
        Ref f = host::call("region", {host::number(state.range(0))}), xs = host::evaluate("[0.5] * 100");
        std::vector<double> whole, phase[5];
        for (int r = 0; r < 15; r++) {
            Variant v(host::call("fresh", {f, host::name("TOUCHY")}), {});
            v.args = {xs, host::number(10)};
            double start = now_ns();
            v.run(1);
            whole.push_back(now_ns() - start);
            Ref loop = host::call("loop_of", {v.function}), ms = host::item(loop, "ms");
            for (int i = 0; i < 5; i++) phase[i].push_back(host::field(ms, phases[i]));
            state.counters["instructions"] = host::field(loop, "instructions");
            state.counters["bytes"] = host::field(loop, "code_bytes");
        }
        double rest = median(whole) / 1e6;
        for (int i = 0; i < 5; i++) {
            double ms = median(phase[i]);
            state.counters[std::string(phases[i]) + "_ms"] = ms;
            rest -= ms;
        }
        state.counters["rest_ms"] = rest; // recording, checks of the IR, publication, interpreted iterations
        return median(whole);
    });
}

// ---- code that the compile thread has made is put in place, and entered for the first time
// ------------------------------
void publication(benchmark::State &state) {
    guarded(state, [&] {
        Ref f = host::call("region", {host::number(state.range(0))}), xs = host::evaluate("[0.5] * 100");
        Ref options = host::evaluate("{**TOUCHY, 'sync': 0, 'compile_percent': 100}");
        std::vector<double> publish, first;
        for (int r = 0; r < 15; r++) {
            Variant v(host::call("fresh", {f, options}), {});
            v.args = {xs, host::number(10)};
            Ref before = host::item(host::call("stats"), "worker_cpu_ms");
            v.run(1);
            host::call("worker_done", {before});
            double published = stat("published"), start = now_ns();
            host::call("drain");
            double there = now_ns();
            host::call("drain");
            double empty = now_ns();
            publish.push_back((there - start) - (empty - there));
            if (stat("published") - published < 1) throw host::Error("nothing was published");
            v.args[1] = host::number(1);
            start = now_ns();
            v.run(1);
            double entered = now_ns() - start;
            v.run(200);
            start = now_ns();
            v.run(200);
            first.push_back(entered - (now_ns() - start) / 200);
        }
        state.counters["first_entry_ns"] = median(first); // with cold caches, beyond a later one
        return median(publish);
    });
}

void figure(benchmark::internal::Benchmark *b) { b->Iterations(1)->UseManualTime(); }
void lives(benchmark::internal::Benchmark *b) { figure(b->ArgName("live")->Arg(1)->Arg(4)->Arg(16)->Arg(48)); }
void lines(benchmark::internal::Benchmark *b) { figure(b->ArgName("lines")->Arg(1)->Arg(8)->Arg(32)); }

BENCHMARK(back_edge_event)->Apply(figure);
BENCHMARK_CAPTURE(entry_and_exit, int, "int")->Apply(lives);
BENCHMARK_CAPTURE(entry_and_exit, float, "float")->Apply(lives);
BENCHMARK_CAPTURE(side_exit, int, "int")->Apply(lives);
BENCHMARK_CAPTURE(side_exit, float, "float")->Apply(lives);
BENCHMARK(recording_per_instruction)->Apply(figure);
BENCHMARK(region)->Apply(lines)->Unit(benchmark::kMillisecond);
BENCHMARK(publication)->Apply(lines);
} // namespace

int main(int argc, char **argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    if (!host::start(BK_PYTHON, build_directory(), BK_CASES)) return 1;
    benchmark::AddCustomContext("CPython", Py_GetVersion());
    benchmark::RunSpecifiedBenchmarks();
    return host::stop();
}
