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
                    "readFleet", "What was seen of the machines that guests ran on",
                    "By the genuine evidence that attempts have kept.",
                    query: [
                        .init(
                            "span", "How far back attempts are looked at, in seconds.",
                            LookBack.schema(default: LookBack.fleet)),
                        .init(
                            "under",
                            "Only machines whose firmware is under these floors, in place of the server's own: a product and "
                                + "a version, e.g. `milan=04.00.22.213`; several with commas between them."),
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
