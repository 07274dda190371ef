import Broker
import FoundationEssentials
import Lifecycle
import Logging

/// About once an hour: asks for vendors' documents that end soon. Servers that share a database do so at different times, so that
/// the first to come asks and the others find what it kept.
struct EndorsementRenewal: Service {
    let endorsements: EndorsementKeeper
    let logger: Logger
    let report: @Sendable (RenewalPass) -> Void

    func run(until stop: StopRequest) async throws {
        while await stop.sleep(for: .seconds(.random(in: 1_800...5_400))) {
            let pass = Task {
                do { report(try await endorsements.renew(at: Date())) } catch {
                    logger.error("Certificates could not be renewed.", metadata: ["error": "\(error)"])
                }
            }
            // A vendor that is slow does not hold up the server's stop: what it still sends is left.
            let watch = Task {
                await stop.wait()
                pass.cancel()
            }
            await pass.value
            watch.cancel()
        }
    }
}
