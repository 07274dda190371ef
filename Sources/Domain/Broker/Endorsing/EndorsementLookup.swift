/// How far the broker had to go for the certificate that settled a report.
public enum EndorsementLookup: String, Sendable, Hashable, CaseIterable {
    /// It was verified before and is in memory.
    case memory
    /// It was kept, is in the offline folder, or came with the guest.
    case atHand = "at_hand"
    /// Nobody here has it: the vendor must be asked.
    case missed
}
