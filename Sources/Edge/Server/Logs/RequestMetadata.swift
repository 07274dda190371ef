package import Logging
import Tracing

extension Logger.MetadataProvider {
    /// `request=… address=…` in every line that is written on behalf of a request.
    package static let request = Logger.MetadataProvider {
        guard let context = ServiceContext.current, let id = context.requestID else { return [:] }
        return context.caller.map { ["request": "\(id)", "address": "\($0)"] } ?? ["request": "\(id)"]
    }
}
