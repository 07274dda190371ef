import FoundationEssentials

/// Decides when to warn of a certificate's expiry: 30 days before, 7 days before, then each day.
struct ExpiryWatch {
    enum Warning: Int, Comparable {
        case none, month, week, expired

        static func < (a: Warning, b: Warning) -> Bool { a.rawValue < b.rawValue }

        init(daysLeft days: Double) {
            self = days <= 0 ? .expired : days <= 7 ? .week : days <= 30 ? .month : .none
        }
    }

    private var told: (warning: Warning, at: Date, expiry: Date)?

    /// - Returns: the warning to give now, if any.
    mutating func warning(expiry: Date, at now: Date) -> Warning? {
        let warning = Warning(daysLeft: expiry.timeIntervalSince(now) / 86_400)
        guard warning > .none else { return nil }
        if let told, told.expiry == expiry, told.warning == warning {
            guard warning >= .week, now.timeIntervalSince(told.at) >= 86_400 else { return nil }
        }
        told = (warning, now, expiry)
        return warning
    }
}
