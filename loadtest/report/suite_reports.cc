#include "loadtest/report/suite_reports.h"

#include "loadtest/report/suite_documents.h"

namespace roberta::report {

std::vector<NamedDocument> SuiteReports(const record::Series& series) {
  return {
      {"quantization_performance.pdf", PairReport(series, "Quantization performance", {"baseline", "quantized"})},
      {"pruning_performance.pdf", PairReport(series, "Pruning performance", {"baseline", "pruned"})},
      {"mixed_precision_performance.pdf", PairReport(series, "Mixed precision performance", {"baseline", "amp"})},
      {"data_loading_efficiency.pdf", DataLoadingReport(series)},
      {"integrated_optimization.pdf", IntegratedReport(series)},
      {"summary.pdf", SummaryReport(series)},
  };
}

}  // namespace roberta::report
