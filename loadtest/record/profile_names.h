#pragma once

namespace roberta::record {

// Words of the server that those who measure it go by.

inline constexpr char kBaseline[] = "baseline";  ///< the profile that the others are compared with
inline constexpr char kAuto[] = "auto";          ///< no profile: the server chooses one, call by call
inline constexpr char kReady[] = "READY";        ///< the state of a profile that answers

}  // namespace roberta::record
