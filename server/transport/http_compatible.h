#pragma once

#include "server/transport/http_routes.h"

// Routes of other protocols. Texts go through the same calls as those of /v1/classify.
namespace roberta::transport {

// text-embeddings-inference: POST /predict and /tokenize, GET /info and /health.
void Predict(const HttpServices& services, HttpCall&& call);
void Tokenize(const HttpServices& services, HttpCall&& call);
void Info(const HttpServices& services, HttpCall&& call);
void Health(const HttpServices& services, HttpCall&& call);

// The Open Inference Protocol with Triton's extensions, below /v2. The path has a model and perhaps its version.
void Infer(const HttpServices& services, HttpCall&& call);
void LoadModel(const HttpServices& services, HttpCall&& call);
void UnloadModel(const HttpServices& services, HttpCall&& call);
void RepositoryIndexPage(const HttpServices& services, HttpCall&& call);
void ServerMetadataPage(const HttpServices& services, HttpCall&& call);
void ServerLivePage(const HttpServices& services, HttpCall&& call);
void ServerReadyPage(const HttpServices& services, HttpCall&& call);
void ModelMetadataPage(const HttpServices& services, HttpCall&& call);
void ModelReadyPage(const HttpServices& services, HttpCall&& call);
void ModelConfigPage(const HttpServices& services, HttpCall&& call);
/// Of all profiles if the path names no model.
void ModelStatisticsPage(const HttpServices& services, HttpCall&& call);

}  // namespace roberta::transport
