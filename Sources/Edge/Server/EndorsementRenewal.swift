import Broker
import FoundationEssentials
import Lifecycle
import Logging

/// Renews vendors' documents that end soon, about once an hour. Servers that share a database do so at different times,
/// so that one fetches and the others find the result.
struct EndorsementRenewal: Service {
    let endorsements: EndorsementKeeper
    let logger: Logger
    let report: @Sendable (RenewalPass) -> Void

    func run(until stop: StopRequest) async throws {
        while await stop.sleep(for: .seconds(.random(in: 1_800...5_400))) {
            let pass = Task {
                do { report(try await endorsements.renew(at: Date())) } catch {
                    guard !Task.isCancelled else { return }
                    logger.error("Certificates could not be renewed.", metadata: ["error": "\(error)"])
                }
            }
            // A slow vendor must not delay the server's stop.
            let watch = Task {
                await stop.wait()
                pass.cancel()
            }
            await pass.value
            watch.cancel()
        }
    }
}
