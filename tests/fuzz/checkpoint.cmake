roberta_fuzzer(NAME safetensors_fuzz SOURCES safetensors_fuzz.cc DEPS checkpoint CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/safetensors")
roberta_fuzzer(NAME model_config_fuzz SOURCES model_config_fuzz.cc DEPS checkpoint CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/config")
roberta_fuzzer(NAME pruning_fuzz SOURCES pruning_fuzz.cc DEPS checkpoint CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/pruning")
