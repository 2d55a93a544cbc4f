#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "profiles/errors/errors.h"
#include "profiles/kernels/product.h"

namespace roberta::kernels {
namespace {

using dnnl::memory;

std::atomic<int64_t> primitives_created{0};

/// The types of a product's activations, weights and sums.
struct Types {
  memory::data_type in, weight, out;
};

Types TypesOf(Precision precision) {
  using Type = memory::data_type;
  if (precision == Precision::kFloat32) return {Type::f32, Type::f32, Type::f32};
  return precision == Precision::kBFloat16 ? Types{Type::bf16, Type::bf16, Type::f32}
                                           : Types{Type::u8, Type::s8, Type::s32};
}

/// What keeps oneDNN to `limit`, which is set for our own kernels.
dnnl::cpu_isa MostIsa(Isa limit) {
  switch (limit) {
    case Isa::kPortable:
      return dnnl::cpu_isa::sse41;
    case Isa::kAvx2:
    case Isa::kAvxVnni:
      return dnnl::cpu_isa::avx2;
    case Isa::kAvx512:
      return dnnl::cpu_isa::avx512_core;
    case Isa::kAvx512Vnni:
      return dnnl::cpu_isa::avx512_core_vnni;
    case Isa::kAvx512Bf16:
      return dnnl::cpu_isa::avx512_core_bf16;
    case Isa::kAmx:
      break;
  }
  return dnnl::cpu_isa::avx512_core_amx;
}

const dnnl::engine& Engine() {
  static const dnnl::engine engine = [] {
    if (const std::optional<Isa> limit = IsaLimit()) dnnl::set_max_cpu_isa(MostIsa(*limit));
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return engine;
}

/// Whether oneDNN's products of bytes are exact.
bool HasExactBytes() {
#if defined(__x86_64__)
  return HostHas(Isa::kAvx512Vnni) || (HostHas(Isa::kAvxVnni) && !IsaLimit());
#else
  return true;
#endif
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

/// The one place where oneDNN's exceptions become a status.
template <typename Function>
absl::Status CatchDnnl(const char* what, Function&& function) {
  try {
    return function();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory)
      return absl::ResourceExhaustedError(absl::StrCat("oneDNN: ", what, ": no memory"));
    return absl::InternalError(absl::StrCat("oneDNN: ", what, ": ", error.what()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("oneDNN: ", what, ": no memory"));
  }
}

struct OneDnnData final : PackedData {
  explicit OneDnnData(const memory::desc& layout) : data(layout, Engine()) {}
  int64_t bytes() const override { return static_cast<int64_t>(data.get_desc().get_size()); }
  memory data;
};

/// Description and primitive for one number of rows.
struct ForRows {
  memory::desc in, out, scratch;
  dnnl::matmul primitive;
};

struct Table {
  std::vector<int64_t> counts;    ///< ascending
  std::vector<ForRows> products;  ///< one for each of counts

  size_t IndexFor(int64_t rows) const {
    const auto found = std::lower_bound(counts.begin(), counts.end(), rows);
    return static_cast<size_t>(std::min(found, counts.end() - 1) - counts.begin());
  }
};

class OneDnnRunner final : public ProductRunner {
 public:
  explicit OneDnnRunner(const Table& table) : table_(table), stream_(Engine()) {
    for (const ForRows& product : table.products) {
      buffers_.push_back({memory(product.in, Engine(), DNNL_MEMORY_NONE),
                          memory(product.out, Engine(), DNNL_MEMORY_NONE),
                          memory(product.scratch, Engine(), DNNL_MEMORY_NONE)});
    }
  }

  // The C interface: the C++ one would copy its arguments into a map on the heap.
  bool Run(const ProductCall& call, size_t first_part, size_t end_part) override {
    if (first_part == end_part) return true;
    const size_t index = table_.IndexFor(call.rows);
    const Buffers& buffers = buffers_[index];
    if (dnnl_memory_set_data_handle(buffers.in.get(), const_cast<void*>(call.in)) != dnnl_success ||
        dnnl_memory_set_data_handle(buffers.out.get(), call.out) != dnnl_success ||
        dnnl_memory_set_data_handle(buffers.scratch.get(), call.scratch) != dnnl_success) {
      return false;
    }
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, buffers.in.get()},
                                         {DNNL_ARG_WEIGHTS, static_cast<const OneDnnData*>(call.weight)->data.get()},
                                         {DNNL_ARG_DST, buffers.out.get()},
                                         {DNNL_ARG_SCRATCHPAD, buffers.scratch.get()}};
    return dnnl_primitive_execute(table_.products[index].primitive.get(), stream_.get(), 4, arguments) == dnnl_success;
  }

 private:
  struct Buffers {
    memory in, out, scratch;
  };
  const Table& table_;
  dnnl::stream stream_;
  std::vector<Buffers> buffers_;  ///< one for each of the table's products
};

class OneDnnProduct final : public Product {
 public:
  OneDnnProduct(int64_t in, int64_t out, Precision precision, std::span<const int64_t> row_counts)
      : in_(in), out_(out), precision_(precision) {
    table_.counts.assign(row_counts.begin(), row_counts.end());
  }

  absl::Status MakePrimitives() {
    // The largest product chooses the layout of the weights; the others must do with it.
    const Types types = TypesOf(precision_);
    weight_ = memory::desc({in_, out_}, types.weight, memory::format_tag::any);
    for (size_t i = table_.counts.size(); i-- > 0;) {
      const int64_t rows = table_.counts[i];
      const memory::desc rows_in({rows, in_}, types.in, memory::format_tag::ab);
      const memory::desc rows_out({rows, out_}, types.out, memory::format_tag::ab);
      const dnnl::matmul::primitive_desc description = Describe(rows_in, weight_, rows_out);
      const std::string implementation = description.impl_info_str();
      if (implementation.find("ref") != std::string::npos) {
        return absl::InternalError(absl::StrCat("oneDNN has only \"", implementation, "\" for a product of [", rows,
                                                ", ", in_, "] and [", in_, ", ", out_, "]"));
      }
      if (name_.empty()) name_ = absl::StrCat("oneDNN ", implementation);
      weight_ = description.weights_desc();
      scratch_bytes_ = std::max(scratch_bytes_, description.scratchpad_desc().get_size());
      table_.products.push_back({rows_in, rows_out, description.scratchpad_desc(), dnnl::matmul(description)});
      primitives_created.fetch_add(1, std::memory_order_relaxed);
    }
    std::reverse(table_.products.begin(), table_.products.end());
    return absl::OkStatus();
  }

  const std::string& name() const override { return name_; }
  int64_t RoundedRows(int64_t rows) const override { return table_.counts[table_.IndexFor(rows)]; }
  size_t parts() const override { return 1; }
  size_t scratch_bytes() const override { return scratch_bytes_; }

  absl::StatusOr<std::unique_ptr<PackedData>> Pack(const void* values) const override {
    std::unique_ptr<OneDnnData> packed;
    RETURN_IF_ERROR(CatchDnnl("packing weights", [&] {
      // [out, in] row by row is [in, out] column by column.
      const memory::desc plain({in_, out_},
                               precision_ == Precision::kInt8 ? memory::data_type::s8 : memory::data_type::f32,
                               memory::format_tag::ba);
      memory from(plain, Engine(), const_cast<void*>(values));
      packed = std::make_unique<OneDnnData>(weight_);
      dnnl::stream stream(Engine());
      dnnl::reorder(from, packed->data).execute(stream, from, packed->data);
      stream.wait();
      return absl::OkStatus();
    }));
    return packed;
  }

  absl::StatusOr<std::unique_ptr<PackedData>> Blank() const override {
    std::unique_ptr<OneDnnData> blank;
    RETURN_IF_ERROR(CatchDnnl("making room for weights", [&] {
      blank = std::make_unique<OneDnnData>(weight_);
      std::memset(blank->data.get_data_handle(), 0, weight_.get_size());
      return absl::OkStatus();
    }));
    return blank;
  }

  std::unique_ptr<ProductRunner> MakeRunner() const override { return std::make_unique<OneDnnRunner>(table_); }

 private:
  const int64_t in_, out_;
  const Precision precision_;
  Table table_;
  memory::desc weight_;
  std::string name_;
  size_t scratch_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Product>> MakeOneDnnProduct(int64_t in, int64_t out, Precision precision,
                                                                 std::span<const int64_t> row_counts) {
  if (precision == Precision::kBFloat16Weights) {
    return absl::UnimplementedError("oneDNN has no products of float32 by bfloat16");
  }
  if (precision == Precision::kInt8 && !HasExactBytes()) {
    return absl::UnimplementedError("oneDNN's products of bytes saturate on this host, which has no VNNI");
  }
  auto product = std::make_unique<OneDnnProduct>(in, out, precision, row_counts);
  RETURN_IF_ERROR(CatchDnnl("making a matrix product", [&] { return product->MakePrimitives(); }));
  return product;
}

int64_t PrimitivesCreated() {
  return primitives_created.load(std::memory_order_relaxed);
}

std::string OneDnnVersion() {
  const dnnl_version_t& version = *dnnl_version();
  return absl::StrCat(version.major, ".", version.minor, ".", version.patch);
}

}  // namespace roberta::kernels
