// The server reads requests through a twin of the public message; the two must not drift apart.
#include <gtest/gtest.h>

#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

void ExpectTwins(const Descriptor* published, const Descriptor* raw) {
  ASSERT_EQ(published->field_count(), raw->field_count());
  for (int i = 0; i < published->field_count(); ++i) {
    const FieldDescriptor* field = published->field(i);
    const FieldDescriptor* twin = raw->FindFieldByName(field->name());
    ASSERT_NE(twin, nullptr) << field->full_name();
    EXPECT_EQ(twin->number(), field->number()) << field->full_name();
    EXPECT_EQ(twin->label(), field->label()) << field->full_name();
    EXPECT_EQ(twin->has_presence(), field->has_presence()) << field->full_name();
    switch (field->type()) {
      case FieldDescriptor::TYPE_STRING:
        EXPECT_EQ(twin->type(), FieldDescriptor::TYPE_BYTES) << field->full_name();
        break;
      case FieldDescriptor::TYPE_ENUM:
        EXPECT_EQ(twin->type(), FieldDescriptor::TYPE_INT32) << field->full_name();
        break;
      case FieldDescriptor::TYPE_MESSAGE:
        ExpectTwins(field->message_type(), twin->message_type());
        break;
      default:
        EXPECT_EQ(twin->type(), field->type()) << field->full_name();
    }
  }
}

TEST(RawClassifyRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::ClassifyRequest::descriptor(), internal::RawClassifyRequest::descriptor());
}

TEST(RawClassifyStreamRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::ClassifyStreamRequest::descriptor(), internal::RawClassifyStreamRequest::descriptor());
}

TEST(RawCompareRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::CompareRequest::descriptor(), internal::RawCompareRequest::descriptor());
}

TEST(RawProfileRequest, IsTheTwinOfEveryMessageThatNamesAProfile) {
  ExpectTwins(v1::LoadProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
  ExpectTwins(v1::UnloadProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
  ExpectTwins(v1::SetDefaultProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
}

}  // namespace
}  // namespace roberta
