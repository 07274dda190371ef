extension Check.Name {
    /// All checks: the labels of metrics are this fixed list.
    public static let all: [Check.Name] =
        [
            .snpEndorsement, .snpRoot, .snpRootSignature, .snpIntermediate, .snpEndorsementKey, .snpValidity,
            .snpVersion, .snpLayout, .snpSignatureAlgorithm, .snpSignatureEncoding, .snpProduct, .snpSigningKey,
            .snpReportedTCB, .snpChip, .snpSignature, .snpDenied, .snpGeneration, .snpReportData, .snpMeasurement,
            .snpHostData, .snpPolicy, .snpDebug, .snpMigrationAgent, .snpVMPL, .snpProducts, .snpCSPID,
            .snpMinimumTCB, .snpMitigations, .snpProvisional, .sevRoot, .sevASK, .sevCEK, .sevOCA, .sevPEK, .sevPDH,
            .sevPDHKey, .sevDenied, .sevProducts, .sevDebug, .sevFirmware, .sevMeasurement, .sampleAllowed,
            .sampleReportData, .sampleDevice,
        ] + policies
}
