// Where the running binary was built: DIRECTORY/benchmarks/micro/NAME.
#ifndef BK_BESIDE_H
#define BK_BESIDE_H
#include <climits>
#include <string>
#include <unistd.h>

inline std::string build_directory() {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    std::string s(path, n > 0 ? static_cast<size_t>(n) : 0);
    for (int up = 0; up < 3 && !s.empty(); up++) s.resize(s.rfind('/') == std::string::npos ? 0 : s.rfind('/'));
    return s;
}
#endif
