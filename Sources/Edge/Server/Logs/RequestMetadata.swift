package import Logging
import Tracing

extension Logger {
    /// `request=… address=…` for every line written on behalf of a request.
    package static let requestMetadata: MetadataProvider = {
        guard let context = ServiceContext.current, let id = context.requestID else { return [:] }
        return context.caller.map { ["request": "\(id)", "address": "\($0)"] } ?? ["request": "\(id)"]
    }
}
