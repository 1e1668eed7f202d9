// TensorFlow.js's binding between Node and libtensorflow, and one function more: joining a cluster of processes, so that
// collective operations (CollectiveReduceV2) sum over all of them.
//
// tfjs_binding.cc is compiled as it is, through this file. Only the macro by which it registers its module is held back, so
// that this file can register the module: the package's initialisation first, ours after it.
#include <node_api.h>
#undef NAPI_MODULE
#define NAPI_MODULE(name, initialise)
#include "tfjs_binding.cc"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "tensorflow/c/c_api_experimental.h"

// TensorFlow's server would listen on every interface, asks for no password, and runs whatever operation it is sent. The
// library finds this function instead of the system's (it is loaded with RTLD_DEEPBIND): what would listen everywhere
// listens on 127.0.0.1.
extern "C" __attribute__((visibility("default"))) int bind(int socket, const sockaddr *address, socklen_t length) {
  using Bind = int (*)(int, const sockaddr *, socklen_t);
  static const Bind system = reinterpret_cast<Bind>(dlsym(RTLD_NEXT, "bind"));
  sockaddr_storage copy{};
  if (length > sizeof copy) return system(socket, address, length);
  memcpy(&copy, address, length);
  if (copy.ss_family == AF_INET6) {
    auto *six = reinterpret_cast<sockaddr_in6 *>(&copy);
    if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr)) inet_pton(AF_INET6, "::ffff:127.0.0.1", &six->sin6_addr);
  } else if (copy.ss_family == AF_INET) {
    auto *four = reinterpret_cast<sockaddr_in *>(&copy);
    if (four->sin_addr.s_addr == htonl(INADDR_ANY)) four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return system(socket, reinterpret_cast<sockaddr *>(&copy), length);
}

namespace tfnodejs {

// TFJSBackend keeps its context and the name of its device to itself. An explicit instantiation may name private members
// ([temp.spec.general]/6), so a friend of it can hand them out, and the package stays as it is.
TFE_Context *&ContextOf(TFJSBackend &backend);
std::string &DeviceOf(TFJSBackend &backend);
template <auto context, auto device>
struct Members {
  friend TFE_Context *&ContextOf(TFJSBackend &backend) { return backend.*context; }
  friend std::string &DeviceOf(TFJSBackend &backend) { return backend.*device; }
};
template struct Members<&TFJSBackend::tfe_context_, &TFJSBackend::device_name>;

namespace {

// joinCluster(serverDef: Uint8Array, task: string): starts this process's server and makes the process that task
// (`/job:worker/replica:0/task:1/`) of the cluster. Returns when all tasks have come.
napi_value JoinCluster(napi_env env, napi_callback_info info) {
  TFJSBackend *backend = GetTFJSBackend(env);
  if (!backend) return nullptr;
  size_t count = 2;
  napi_value arguments[2];
  ENSURE_NAPI_OK_RETVAL(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), nullptr);
  void *definition = nullptr;
  size_t size = 0;
  ENSURE_NAPI_OK_RETVAL(
      env, napi_get_typedarray_info(env, arguments[0], nullptr, &size, &definition, nullptr, nullptr), nullptr);
  char task[256];
  size_t length = 0;
  ENSURE_NAPI_OK_RETVAL(env, napi_get_value_string_utf8(env, arguments[1], task, sizeof task, &length), nullptr);

  TF_AutoStatus status;
  TFE_Context *context = ContextOf(*backend);
  TFE_EnableCollectiveOps(context, definition, size, status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);

  // Joining gives the devices new names, so the one that the binding puts tensors on is named anew.
  TF_DeviceList *devices = TFE_ContextListDevices(context, status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  const char *type = backend->is_gpu_device ? "GPU" : "CPU";
  for (int i = 0; i < TF_DeviceListCount(devices); i++) {
    const std::string name = TF_DeviceListName(devices, i, status.status);
    if (strcmp(TF_DeviceListType(devices, i, status.status), type) == 0 && name.compare(0, length, task) == 0) {
      DeviceOf(*backend) = name;
      break;
    }
  }
  TF_DeleteDeviceList(devices);
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  exports = InitTFNodeJSBinding(env, exports);
  if (!exports) return exports;
  napi_property_descriptor more = {"joinCluster", nullptr, JoinCluster, nullptr, nullptr, nullptr, napi_default, nullptr};
  ENSURE_NAPI_OK_RETVAL(env, napi_define_properties(env, exports, 1, &more), exports);
  return exports;
}

}  // namespace tfnodejs
