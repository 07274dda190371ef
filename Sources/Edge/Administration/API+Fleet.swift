import Broker
import Bytes
import Formats
import FoundationEssentials
import HTTP
import HTTPEdge

/// The machines that guests run on.
extension AdministrationAPI {
    var fleet: [Call] {
        [
            call(
                .get, "fleet", .audit,
                Operation(
                    "readFleet", "The machines that guests ran on", "From the genuine evidence of attempts.",
                    query: [
                        .init(
                            "span", "The age of the oldest attempt that counts, in seconds.",
                            LookBack.schema(default: LookBack.fleet)),
                        .init(
                            "under",
                            "Only machines whose firmware is below these minimums, not the server's: a product and "
                                + "a TCB, e.g. `milan=04.00.22.213`; several with commas between them."),
                    ]), ok: "The fleet."
            ) { request, _ in
                let span = try LookBack.checked(request.query["span"].map { Double($0) } ?? LookBack.fleet)
                let since = now().addingTimeInterval(-span)
                let fleet = try await broker.fleet(since: since, under: request.query["under"])
                return FleetSummary(fleet, since: since)
            }
        ]
    }
}
