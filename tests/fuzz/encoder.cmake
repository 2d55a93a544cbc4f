roberta_fuzzer(NAME calibration_fuzz SOURCES calibration_fuzz.cc DEPS encoder checkpoint CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/calibration")
