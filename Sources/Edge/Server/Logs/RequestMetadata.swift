public import Logging
import Tracing

extension Logger.MetadataProvider {
    /// `request=…` in every line that is written on behalf of a request.
    public static let requestID = Logger.MetadataProvider {
        guard let id = ServiceContext.current?.requestID else { return [:] }
        return ["request": "\(id)"]
    }
}
