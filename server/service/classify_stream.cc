#include "server/service/classify_stream.h"

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"
#include "server/service/call_end.h"
#include "server/service/profile_backend.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;

namespace {

/// The items of a part run together: enough for an executor to be efficient, and no more, so that results come early
/// and no other call waits long behind it.
constexpr int kItemsPerPart = 32;
constexpr size_t kBytesPerPart = 2048;

/// The number of items of the part that begins at `first`, at most `left`.
int ItemsOfPart(const internal::RawClassifyStreamRequest& message, int first, int left) {
  size_t bytes = BytesOf(message.items(first));
  int items = 1;
  for (; items < std::min(left, kItemsPerPart); ++items) {
    bytes += BytesOf(message.items(first + items));
    if (bytes > kBytesPerPart) break;
  }
  return items;
}

struct SizedAnswer {
  std::unique_ptr<v1::ClassifyStreamResponse> message = std::make_unique<v1::ClassifyStreamResponse>();
  size_t items = 0;
  size_t bytes = 0;
};

/// Moves a result into the last answer, or, where that would have more than `most_bytes` then, into a new one.
void Append(v1::StreamResult* result, size_t most_bytes, std::vector<SizedAnswer>* answers) {
  constexpr size_t kTagAndLengthBytes = 6;
  const size_t bytes = result->ByteSizeLong() + kTagAndLengthBytes;
  if (answers->back().items > 0 && answers->back().bytes + bytes > most_bytes) answers->emplace_back();
  SizedAnswer& answer = answers->back();
  answer.message->add_results()->Swap(result);
  ++answer.items;
  answer.bytes += bytes;
}

FieldProblem InSettings(const FieldProblem& problem) {
  return {"settings." + problem.field,
          call::WithMessage(problem.status, absl::StrCat("settings.", problem.status.message()))};
}

}  // namespace

ClassifyStream::ClassifyStream(ClassifyStreams* streams, std::shared_ptr<StreamTransport> transport, call::Head head)
    : streams_(streams),
      transport_(std::move(transport)),
      head_(call::PhaseClock::Clock::now()),
      flow_(streams->limits_) {
  static_cast<call::Head&>(head_) = std::move(head);
  if (head_.identity.request_id.empty()) head_.identity.request_id = call::NewRequestId();
  head_.in_flight = streams->parts_.metrics->calls().Started();
}

void ClassifyStream::Start() {
  if (streams_->draining()) return Drain();
  Take(flow_.Open());
}

void ClassifyStream::MessageRead(absl::StatusOr<std::shared_ptr<Message>> message) {
  absl::Status status = message.status();
  if (status.ok()) status = Check(**message);
  if (!status.ok()) {
    EndWith(status, std::move(head_.outcome.problems));
    Take(flow_.Stop());
    return;
  }
  const auto items = static_cast<size_t>((*message)->items_size());
  Take(flow_.MessageRead(*std::move(message), items));
}

absl::Status ClassifyStream::Check(const Message& message) {
  RETURN_IF_ERROR(streams_->parts_.concurrency->CheckReady());
  std::vector<FieldProblem>& problems = head_.outcome.problems;
  if (const size_t most = streams_->parts_.limits.max_items; static_cast<size_t>(message.items_size()) > most) {
    problems.push_back({"items", MakeStatus(FailureReason::kTooManyItems, absl::StrCat("items: ", message.items_size(),
                                                                                       " of them; at most ", most))});
  } else if (!std::exchange(begun_, true)) {
    return Begin(message.settings());
  } else if (message.has_settings()) {
    problems.push_back(
        {"settings", MakeStatus(FailureReason::kBadField, "settings: only the first message may have them")});
  }
  return problems.empty() ? absl::OkStatus() : problems.back().status;
}

absl::Status ClassifyStream::Begin(const internal::RawStreamSettings& settings) {
  internal::RawClassifyRequest& request = head_.request;
  request.set_profile(settings.profile());
  request.set_truncation(settings.truncation());
  request.set_function_to_apply(settings.function_to_apply());
  if (settings.has_top_k()) request.set_top_k(settings.top_k());
  request.set_return_logits(settings.return_logits());
  if (settings.has_objective()) *request.mutable_objective() = settings.objective();
  request.set_allow_partial(true);
  request.set_priority(settings.has_priority() ? settings.priority() : static_cast<int32_t>(v1::PRIORITY_LOW));
  {
    const std::string& named = settings.profile().empty() ? head_.metadata_profile : settings.profile();
    const std::lock_guard lock(mutex_);
    profile_named_ = LoggedName(named, streams_->parts_.registry->names());
  }
  if (const auto problem = ValidateCallSettings(request, &head_.settings)) {
    head_.outcome.problems.push_back(InSettings(*problem));
    return head_.outcome.problems.back().status;
  }
  RETURN_IF_ERROR(streams_->classification_->SelectProfileOfStream(head_));
  const v1::ClassifyResponse& chosen = head_.outcome.response;
  const std::lock_guard lock(mutex_);
  work_.priority = call::NameOf(head_.settings.priority);
  start_.set_profile_requested(chosen.profile_requested());
  start_.set_profile_used(chosen.profile_used());
  start_.set_profile_reason(chosen.profile_reason());
  start_.set_profile_revision(chosen.profile_revision());
  start_.set_model(streams_->parts_.model_name);
  start_.set_model_revision(streams_->parts_.registry->checkpoint().revision());
  start_.set_request_id(head_.identity.request_id);
  return absl::OkStatus();
}

void ClassifyStream::ReadsEnded() {
  EndWith(absl::OkStatus());
  Take(flow_.ReadsEnded());
}

void ClassifyStream::Written() {
  write_start_ = call::PhaseClock::Clock::time_point::max();
  Take(flow_.Written());
}

void ClassifyStream::Cancel() {
  const bool late = std::chrono::system_clock::now() >= head_.deadline;
  CutShort(late ? MakeStatus(FailureReason::kDeadlinePassed, "the deadline passed before everything was answered")
                : MakeStatus(FailureReason::kCancelled, "the client cancelled the stream"));
}

void ClassifyStream::EndIfWritingSince(call::PhaseClock::Clock::time_point start) {
  if (write_start_.load() > start) return;
  CutShort(MakeStatus(FailureReason::kClientDoesNotRead,
                      "the client does not read: a message of results was not taken for too long"));
  std::unique_lock lock(mutex_);
  const absl::Status status = status_;
  lock.unlock();
  transport_->Abort(status);
}

void ClassifyStream::CutShort(const absl::Status& status) {
  cancelled_.store(true, std::memory_order_relaxed);
  streams_->parts_.concurrency->CancelWait(wait_.load());
  EndWith(status);
  Take(flow_.Abort());
}

void ClassifyStream::Drain() {
  EndWith(Draining());
  Take(flow_.Stop());
}

void ClassifyStream::EndWith(const absl::Status& status, std::vector<FieldProblem> problems) {
  const std::lock_guard lock(mutex_);
  // A stream that was to end well may still be cut short before it does.
  if (ended_ && !(status_.ok() && cancelled_.load(std::memory_order_relaxed))) return;
  ended_ = true;
  status_ = status;
  problems_ = std::move(problems);
}

void ClassifyStream::Take(Flow::Steps steps) {
  if (steps.admit) Admit();
  if (steps.work) StartWork(*steps.work);
  if (!steps.write.empty()) Write(steps);
  if (steps.read) Read();
  if (steps.finish) Finish();
}

void ClassifyStream::Read() {
  const Parts& parts = streams_->parts_;
  const batching::Clock::time_point now = parts.queue->now()();
  const std::chrono::nanoseconds wait = parts.admission->RateWait(head_, now);
  if (wait <= std::chrono::nanoseconds(0)) return transport_->Read();
  read_due_ = now + wait;
}

void ClassifyStream::ReadIfDue(batching::Clock::time_point now) {
  auto due = read_due_.load();
  if (due <= now && read_due_.compare_exchange_strong(due, batching::Clock::time_point::max())) Read();
}

void ClassifyStream::Admit() {
  wait_ = streams_->parts_.concurrency->AdmitWhenFree(
      [self = shared_from_this()](const absl::Status& status, admission::Permit permit) {
        if (status.ok()) return self->Take(self->flow_.Admitted(std::move(permit)));
        self->EndWith(status);
        self->Take(self->flow_.Refused());
      });
}

void ClassifyStream::StartWork(const Flow::Work& work) {
  const auto first = static_cast<int>(work.first_item);
  const auto items = static_cast<int>(work.items);
  for (int done = 0, part = 0; done < items; done += part) {
    part = ItemsOfPart(*work.message, first + done, items - done);
    auto call = std::make_shared<ClassifyCall>(call::PhaseClock::Clock::now());
    for (int i = 0; i < part; ++i) call->request.add_items()->Swap(work.message->mutable_items(first + done + i));
    call->settings = head_.settings;
    call->profile = head_.profile;
    call->deadline = head_.deadline;
    call->caller = head_.caller;
    call->cancelled_by = &cancelled_;
    call->first_item = first + done;
    call->done = [self = shared_from_this(), part = call.get(),
                  sequence = work.first_sequence + static_cast<uint64_t>(done)](CallOutcome&) {
      self->PartDone(sequence, *part);
    };
    streams_->classification_->StartPart(std::move(call));
  }
}

void ClassifyStream::PartDone(uint64_t first_sequence, ClassifyCall& part) {
  CallOutcome& outcome = part.outcome;
  const absl::Status& status = outcome.status;
  const int items = part.request.items_size();
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) CutShort(status);
  std::vector<SizedAnswer> answers(1);
  size_t failed = 0, tokens = 0, truncated = 0;
  for (int i = 0; i < items; ++i) {
    v1::StreamResult result;
    result.set_sequence(first_sequence + static_cast<uint64_t>(i));
    if (status.ok()) {
      result.mutable_result()->Swap(outcome.response.mutable_results(i));
    } else {
      FillStatus(status, result.mutable_result()->mutable_status());
    }
    failed += result.result().has_status() ? 1 : 0;
    tokens += result.result().classification().token_count();
    truncated += result.result().classification().truncated() ? 1 : 0;
    Append(&result, streams_->limits_.bytes_per_write, &answers);
  }
  {
    const std::lock_guard lock(mutex_);
    work_.failed_items += failed;
    work_.tokens += tokens;
    work_.truncated_items += truncated;
    work_.batch_items = std::max<size_t>(work_.batch_items, outcome.response.batch_items());
    for (size_t i = 0; i < call::kPhases; ++i) work_.phase_ns[i] += part.clock.spent_ns()[i];
    totals_.set_items_failed(work_.failed_items);
    totals_.set_tokens(work_.tokens);
    totals_.set_parts(totals_.parts() + 1);
    FillPhases(work_.phase_ns, totals_.mutable_phases());
  }
  for (SizedAnswer& answer : answers) Take(flow_.Answered(std::move(answer.message), answer.items, answer.bytes));
}

void ClassifyStream::Write(Flow::Steps& steps) {
  v1::ClassifyStreamResponse& response = *steps.write.front();
  for (size_t i = 1; i < steps.write.size(); ++i) {
    for (v1::StreamResult& result : *steps.write[i]->mutable_results()) response.add_results()->Swap(&result);
  }
  AddStart(&response);
  write_start_ = call::PhaseClock::Clock::now();
  transport_->Write(response);
}

void ClassifyStream::AddStart(v1::ClassifyStreamResponse* response) {
  const std::lock_guard lock(mutex_);
  if (start_.profile_used().empty() || std::exchange(start_sent_, true)) return;
  *response->mutable_start() = start_;
}

void ClassifyStream::Finish() {
  StreamOutcome outcome;
  const bool client_waits = !cancelled_.load(std::memory_order_relaxed);
  if (client_waits) {
    outcome.last = std::make_unique<v1::ClassifyStreamResponse>();
    AddStart(outcome.last.get());
  }
  {
    const std::lock_guard lock(mutex_);
    outcome.status = status_;
    outcome.problems = problems_;
    outcome.profile_used = start_.profile_used();
    work_.items = flow_.items_begun();
    totals_.set_items_taken(work_.items);
    if (client_waits) *outcome.last->mutable_end() = totals_;
  }
  Record(outcome.status);
  streams_->Remove(this);
  transport_->Finish(outcome);
}

void ClassifyStream::Record(const absl::Status& status) {
  call::PhaseClock clock = head_.clock;
  clock.End(call::Phase::kPost);
  const std::lock_guard lock(mutex_);
  head_.in_flight.reset();
  CountAndLog(streams_->parts_, {call::Method::kClassifyStream, start_.profile_used(), status, head_, clock},
              [&](request_log::Record* record) {
                record->profile_requested = profile_named_;
                record->profile = start_.profile_used();
                record->work = work_;
              });
}

std::shared_ptr<ClassifyStream> ClassifyStreams::Open(std::shared_ptr<StreamTransport> transport, call::Head head) {
  auto stream = std::make_shared<ClassifyStream>(this, std::move(transport), std::move(head));
  const std::lock_guard lock(mutex_);
  open_.emplace(stream.get(), stream);
  return stream;
}

bool ClassifyStreams::draining() {
  const std::lock_guard lock(mutex_);
  return draining_;
}

std::vector<std::shared_ptr<ClassifyStream>> ClassifyStreams::All() {
  std::vector<std::shared_ptr<ClassifyStream>> streams;
  const std::lock_guard lock(mutex_);
  for (const auto& [pointer, weak] : open_) {
    if (auto stream = weak.lock()) streams.push_back(std::move(stream));
  }
  return streams;
}

void ClassifyStreams::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  for (const auto& stream : All()) stream->Drain();
}

void ClassifyStreams::ReadWhatIsDue() {
  const batching::Clock::time_point now = parts_.queue->now()();
  for (const auto& stream : All()) stream->ReadIfDue(now);
}

void ClassifyStreams::EndWritesSince(call::PhaseClock::Clock::time_point start) {
  for (const auto& stream : All()) stream->EndIfWritingSince(start);
}

void ClassifyStreams::Remove(const ClassifyStream* stream) {
  const std::lock_guard lock(mutex_);
  open_.erase(stream);
}

}  // namespace roberta::service
