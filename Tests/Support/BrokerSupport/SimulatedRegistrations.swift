public import Broker
import Bytes
import Evidence
public import EvidenceSupport

/// Registrations of simulated guests.
extension Simulated {
    public static func registration(_ workload: String, secret: String = "secret") throws -> Registration {
        try Registration(
            id: WorkloadID(workload), launch: .snp(measurement: measurement(workload), policy: .unstated),
            configuration: "", secret: Secret(Array(secret.utf8)))
    }

    public static func sevRegistration(_ workload: String, secret: String = "secret") throws -> Registration {
        try Registration(
            id: WorkloadID(workload), launch: .sev(digest: digest(workload), policy: .unstated),
            configuration: "", secret: Secret(Array(secret.utf8)))
    }
}
