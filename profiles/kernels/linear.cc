#include "profiles/kernels/linear.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/isa.h"

namespace roberta::kernels {

namespace {

using dnnl::memory;

std::atomic<int64_t> primitives_created{0};

/// What a later candidate must gain over an earlier one to be taken.
constexpr double kWorthwhile = 0.95;

/// The types of a product's activations, weights and sums.
struct Types {
  memory::data_type in, weight, out;
};

Types TypesOf(Precision precision) {
  switch (precision) {
    case Precision::kBFloat16:
      return {memory::data_type::bf16, memory::data_type::bf16, memory::data_type::f32};
    case Precision::kInt8:
      return {memory::data_type::s8, memory::data_type::s8, memory::data_type::s32};
    case Precision::kInt8Shifted:
      return {memory::data_type::u8, memory::data_type::s8, memory::data_type::s32};
    case Precision::kFloat32:
      break;
  }
  return {memory::data_type::f32, memory::data_type::f32, memory::data_type::f32};
}

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

/// Numbers of rows that get a primitive: steps of 16 up to 256, 32 up to 512, then 64.
std::vector<int64_t> RowCounts(int64_t max_rows) {
  std::vector<int64_t> counts;
  for (int64_t rows = 16; counts.empty() || counts.back() < max_rows; rows += rows < 256 ? 16 : rows < 512 ? 32 : 64) {
    counts.push_back(rows);
  }
  return counts;
}

dnnl::matmul::primitive_desc Describe(const memory::desc& in, const memory::desc& weight, const memory::desc& out) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(Engine(), in, weight, out, attributes);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(in, weight, out), attributes, Engine());
#endif
}

/// `weight` [out, in] to bytes, symmetric, one scale a row.
std::vector<int8_t> Quantise(absl::Span<const float> weight, int64_t in, int64_t out, std::vector<float>* scales) {
  const float most = HostHasVnni() ? 127.0f : 63.0f;
  std::vector<int8_t> bytes(weight.size());
  scales->resize(static_cast<size_t>(out));
  for (size_t row = 0; row < static_cast<size_t>(out); ++row) {
    const absl::Span<const float> values = weight.subspan(row * static_cast<size_t>(in), static_cast<size_t>(in));
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    (*scales)[row] = largest / most;
    const float factor = largest > 0 ? most / largest : 0;
    for (size_t k = 0; k < values.size(); ++k) {
      bytes[row * values.size() + k] = static_cast<int8_t>(std::lround(values[k] * factor));
    }
  }
  return bytes;
}

/// 128 times the sum of each row's bytes.
std::vector<int32_t> OffsetsOf(const std::vector<int8_t>& bytes, int64_t in, int64_t out) {
  std::vector<int32_t> offsets(static_cast<size_t>(out));
  for (size_t row = 0; row < offsets.size(); ++row) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(row) * in;
    offsets[row] = 128 * std::accumulate(begin, begin + in, int32_t{0});
  }
  return offsets;
}

/// The one place where oneDNN's exceptions become a status.
template <typename Function>
absl::Status CatchDnnl(const char* what, Function&& function) {
  try {
    return function();
  } catch (const dnnl::error& error) {
    return absl::InternalError(absl::StrCat("oneDNN: ", what, ": ", error.what()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("oneDNN: ", what, ": no memory"));
  }
}

}  // namespace

struct PackedWeight::Packed {
  memory data;
  std::vector<float> column_scale;
  std::vector<int32_t> column_offset;
};

PackedWeight::PackedWeight(std::unique_ptr<Packed> packed) : packed_(std::move(packed)) {}
PackedWeight::PackedWeight(PackedWeight&&) noexcept = default;
PackedWeight& PackedWeight::operator=(PackedWeight&&) noexcept = default;
PackedWeight::~PackedWeight() = default;

int64_t PackedWeight::bytes() const {
  return static_cast<int64_t>(packed_->data.get_desc().get_size());
}

const float* PackedWeight::column_scale() const {
  return packed_->column_scale.empty() ? nullptr : packed_->column_scale.data();
}

const int32_t* PackedWeight::column_offset() const {
  return packed_->column_offset.empty() ? nullptr : packed_->column_offset.data();
}

struct LinearShape::Table {
  struct Product {
    memory::desc in, out, scratch;
    dnnl::matmul primitive;
  };

  Table(int64_t columns_in, int64_t columns_out, int64_t max_rows, Precision of)
      : in(columns_in), out(columns_out), precision(of), counts(RowCounts(max_rows)) {}

  absl::Status MakePrimitives() {
    // The largest product chooses the layout of the weights; the others must do with it.
    const Types types = TypesOf(precision);
    weight = memory::desc({in, out}, types.weight, memory::format_tag::any);
    for (size_t i = counts.size(); i-- > 0;) {
      const memory::desc rows_in({counts[i], in}, types.in, memory::format_tag::ab);
      const memory::desc rows_out({counts[i], out}, types.out, memory::format_tag::ab);
      const dnnl::matmul::primitive_desc description = Describe(rows_in, weight, rows_out);
      const std::string name = description.impl_info_str();
      if (name.find("ref") != std::string::npos) {
        return absl::InternalError(absl::StrCat("oneDNN has only \"", name, "\" for a product of [", counts[i], ", ",
                                                in, "] and [", in, ", ", out, "]"));
      }
      if (implementation.empty()) implementation = name;
      weight = description.weights_desc();
      scratch_bytes = std::max(scratch_bytes, description.scratchpad_desc().get_size());
      products.push_back({rows_in, rows_out, description.scratchpad_desc(), dnnl::matmul(description)});
      primitives_created.fetch_add(1, std::memory_order_relaxed);
    }
    std::reverse(products.begin(), products.end());
    return absl::OkStatus();
  }

  size_t IndexFor(int64_t rows) const {
    const auto found = std::lower_bound(counts.begin(), counts.end(), rows);
    return static_cast<size_t>(std::min(found, counts.end() - 1) - counts.begin());
  }

  const int64_t in, out;
  const Precision precision;
  std::vector<int64_t> counts;    ///< ascending
  std::vector<Product> products;  ///< one for each of counts
  memory::desc weight;
  std::string implementation;
  size_t scratch_bytes = 0;
};

LinearShape::LinearShape(std::unique_ptr<const Table> table) : table_(std::move(table)) {}
LinearShape::~LinearShape() = default;

absl::StatusOr<std::shared_ptr<const LinearShape>> LinearShape::Make(int64_t in, int64_t out, int64_t max_rows,
                                                                     Precision precision) {
  ComputeOnCallingThreadOnly();
  auto table = std::make_unique<Table>(in, out, max_rows, precision);
  absl::Status status = CatchDnnl("making a matrix product", [&] { return table->MakePrimitives(); });
  if (!status.ok()) return status;
  return std::shared_ptr<const LinearShape>(new LinearShape(std::move(table)));
}

absl::StatusOr<PackedWeight> LinearShape::Pack(absl::Span<const float> weight) const {
  ComputeOnCallingThreadOnly();
  if (weight.size() != static_cast<size_t>(in() * out())) {
    return absl::InvalidArgumentError(
        absl::StrCat(weight.size(), " weights for a product of ", in(), " to ", out(), " columns"));
  }
  auto packed = std::make_unique<PackedWeight::Packed>();
  std::vector<int8_t> bytes;
  if (IsInt8(precision())) bytes = Quantise(weight, in(), out(), &packed->column_scale);
  if (precision() == Precision::kInt8Shifted) packed->column_offset = OffsetsOf(bytes, in(), out());
  absl::Status status = CatchDnnl("packing weights", [&] {
    // [out, in] row by row is [in, out] column by column.
    const bool quantised = IsInt8(precision());
    const memory::desc plain({in(), out()}, quantised ? memory::data_type::s8 : memory::data_type::f32,
                             memory::format_tag::ba);
    void* data = quantised ? static_cast<void*>(bytes.data()) : const_cast<float*>(weight.data());
    memory from(plain, Engine(), data);
    packed->data = memory(table_->weight, Engine());
    dnnl::stream stream(Engine());
    dnnl::reorder(from, packed->data).execute(stream, from, packed->data);
    stream.wait();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return PackedWeight(std::move(packed));
}

Precision LinearShape::precision() const {
  return table_->precision;
}
const std::string& LinearShape::implementation() const {
  return table_->implementation;
}
int64_t LinearShape::in() const {
  return table_->in;
}
int64_t LinearShape::out() const {
  return table_->out;
}
int64_t LinearShape::RoundedRows(int64_t rows) const {
  return table_->counts[table_->IndexFor(rows)];
}
size_t LinearShape::scratch_bytes() const {
  return table_->scratch_bytes;
}

struct LinearRunner::Handles {
  struct Buffers {
    memory in, out, scratch;
  };
  explicit Handles(std::shared_ptr<const LinearShape> of) : shape(std::move(of)), stream(Engine()) {}

  const std::shared_ptr<const LinearShape> shape;
  dnnl::stream stream;
  std::vector<Buffers> buffers;  ///< one for each of the shape's products
};

LinearRunner::LinearRunner(std::shared_ptr<const LinearShape> shape)
    : handles_(std::make_unique<Handles>(std::move(shape))) {
  for (const LinearShape::Table::Product& product : handles_->shape->table_->products) {
    handles_->buffers.push_back({memory(product.in, Engine(), DNNL_MEMORY_NONE),
                                 memory(product.out, Engine(), DNNL_MEMORY_NONE),
                                 memory(product.scratch, Engine(), DNNL_MEMORY_NONE)});
  }
}
LinearRunner::~LinearRunner() = default;
LinearRunner::LinearRunner(LinearRunner&&) noexcept = default;

// The C interface: the C++ one would copy its arguments into a map on the heap.
bool LinearRunner::Run(const PackedWeight& weight, const void* in, int64_t rows, void* out, void* scratch) {
  const LinearShape::Table& table = *handles_->shape->table_;
  const size_t index = table.IndexFor(rows);
  const Handles::Buffers& buffers = handles_->buffers[index];
  if (dnnl_memory_set_data_handle(buffers.in.get(), const_cast<void*>(in)) != dnnl_success ||
      dnnl_memory_set_data_handle(buffers.out.get(), out) != dnnl_success ||
      dnnl_memory_set_data_handle(buffers.scratch.get(), scratch) != dnnl_success) {
    return false;
  }
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, buffers.in.get()},
                                       {DNNL_ARG_WEIGHTS, weight.packed_->data.get()},
                                       {DNNL_ARG_DST, buffers.out.get()},
                                       {DNNL_ARG_SCRATCHPAD, buffers.scratch.get()}};
  return dnnl_primitive_execute(table.products[index].primitive.get(), handles_->stream.get(), 4, arguments) ==
         dnnl_success;
}

double SecondsPerProduct(const std::shared_ptr<const LinearShape>& shape, int64_t rows) {
  constexpr int kRounds = 4;
  const std::vector<float> values(static_cast<size_t>(shape->in() * shape->out()), 0.5f);
  const auto weight = shape->Pack(values);
  if (!weight.ok()) return std::numeric_limits<double>::infinity();
  const auto rounded = static_cast<size_t>(shape->RoundedRows(rows));
  AlignedBuffer<float> in(rounded * static_cast<size_t>(shape->in())), out(rounded * static_cast<size_t>(shape->out()));
  AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
  LinearRunner runner(shape);
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    if (!runner.Run(*weight, in.data(), rows, out.data(), scratch.data())) break;
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

absl::StatusOr<Precision> LinearShape::Fastest(int64_t in, int64_t out, int64_t rows,
                                               absl::Span<const Precision> candidates) {
  if (candidates.size() == 1) return candidates.front();
  std::optional<Precision> best;
  double least = std::numeric_limits<double>::infinity();
  absl::Status failure;
  for (const Precision candidate : candidates) {
    ComputeOnCallingThreadOnly();
    auto table = std::make_unique<Table>(in, out, rows, candidate);
    table->counts = {table->counts.back()};
    absl::Status status = CatchDnnl("making a matrix product", [&] { return table->MakePrimitives(); });
    failure.Update(status);
    if (!status.ok()) continue;
    const double seconds =
        SecondsPerProduct(std::shared_ptr<const LinearShape>(new LinearShape(std::move(table))), rows);
    if (seconds < least * (best ? kWorthwhile : 1)) {
      least = seconds;
      best = candidate;
    }
  }
  if (!best) return failure;
  return *best;
}

void ComputeOnCallingThreadOnly() {
  // The distribution's oneDNN works with OpenMP, whose number of threads is a setting of each calling thread.
  static const auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  static thread_local const bool set = [] {
    if (set_threads != nullptr) set_threads(1);
    return true;
  }();
  static_cast<void>(set);
}

int64_t PrimitivesCreated() {
  return primitives_created.load(std::memory_order_relaxed);
}

}  // namespace roberta::kernels
