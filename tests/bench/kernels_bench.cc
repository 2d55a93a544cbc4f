// How fast the matrix products of every instruction set are: register tiles of each and oneDNN, on one thread, for some
// numbers of rows, beside what the set's registers could do at most.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/kernels/isa.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/tiles.h"

namespace roberta::bench {
namespace {

using kernels::Backend;
using kernels::Isa;
using kernels::LinearShape;
using kernels::Precision;

struct Options {
  int64_t in = 768, out = 3072;
  std::vector<int64_t> rows = {1, 4, 17, 64, 128, 512};
  int rounds = 5;
};

struct Row {
  std::string name;
  std::shared_ptr<const LinearShape> shape;
  std::optional<kernels::RegisterPeak> peak;
  std::map<int64_t, double> least_seconds = {};  ///< by rows
};

std::vector<Row> RowsOf(Precision precision, const Options& options) {
  std::vector<Row> rows;
  const int64_t most = *std::max_element(options.rows.begin(), options.rows.end());
  const auto add = [&](Backend backend, std::optional<Isa> isa) {
    auto made = LinearShape::Make(options.in, options.out, most, precision, backend, isa);
    if (!made.ok()) return;
    rows.push_back({(*made)->implementation(), *made, isa ? MeasureRegisterPeak(precision, *isa) : std::nullopt});
  };
  for (const Isa isa : kernels::HostIsas()) add(Backend::kTiles, isa);
  add(Backend::kOneDnn, std::nullopt);
  return rows;
}

void Print(const std::vector<Row>& rows, const Options& options) {
  for (const Row& row : rows) {
    std::printf("  %-30s", row.name.c_str());
    double most = 0;
    for (const auto& [count, seconds] : row.least_seconds) {
      const double gops = 2e-9 * static_cast<double>(options.in * options.out * count) / seconds;
      most = std::max(most, gops);
      std::printf(" %6.0f", gops);
    }
    if (row.peak) {
      std::printf("   %.0f %% of the %.0f of %s", 100 * most / row.peak->gops, row.peak->gops,
                  std::string(row.peak->instruction).c_str());
    }
    std::printf("\n");
  }
}

int Run(const Options& options) {
  std::string here, not_here;
  for (const Isa isa : kernels::AllIsas()) {
    std::string& list = kernels::HostHas(isa) ? here : not_here;
    list += (list.empty() ? "" : ", ") + std::string(kernels::IsaName(isa));
  }
  std::printf("instruction sets of this host: %s\n", here.c_str());
  if (!not_here.empty()) std::printf("not run, as this host lacks them: %s\n", not_here.c_str());
  kernels::ComputeOnCallingThreadOnly();
  for (const Precision precision :
       {Precision::kFloat32, Precision::kBFloat16Weights, Precision::kBFloat16, Precision::kInt8}) {
    std::vector<Row> rows = RowsOf(precision, options);
    std::printf("\n%s, %lld to %lld, Gop/s by rows:", std::string(kernels::PrecisionName(precision)).c_str(),
                static_cast<long long>(options.in), static_cast<long long>(options.out));
    for (const int64_t count : options.rows) std::printf(" %lld", static_cast<long long>(count));
    std::printf("\n");
    for (int round = 0; round < options.rounds; ++round) {
      for (Row& row : rows) {
        for (const int64_t count : options.rows) {
          const double seconds = kernels::SecondsPerProduct(row.shape, count);
          const auto [found, is_new] = row.least_seconds.try_emplace(count, seconds);
          if (!is_new) found->second = std::min(found->second, seconds);
        }
      }
    }
    Print(rows, options);
  }
  return 0;
}

}  // namespace
}  // namespace roberta::bench

int main(int argc, char** argv) {
  if (std::string_view(ROBERTA_BUILD_TYPE) != "Release") {
    std::fprintf(stderr,
                 "kernels_bench: this is a " ROBERTA_BUILD_TYPE " build: only the figures of Release mean anything\n");
    return 1;
  }
  CLI::App app("Measures the matrix products of every instruction set of this host, on one thread.", "kernels_bench");
  roberta::bench::Options options;
  app.add_option("--in", options.in, "Inputs (768)")->check(CLI::PositiveNumber);
  app.add_option("--out", options.out, "Outputs (3072)")->check(CLI::PositiveNumber);
  app.add_option("--rows", options.rows, "Numbers of rows (1,4,17,64,128,512)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "Rounds, of which the best counts (5)")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  std::sort(options.rows.begin(), options.rows.end());
  return roberta::bench::Run(options);
}
