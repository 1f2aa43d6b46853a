using System.Security.Cryptography.X509Certificates;

namespace OrleansGateway.Hosting;

/// <summary>When certificates hold, the cluster's and the operator API's.</summary>
internal static class CertificateTimes
{
    /// <summary>Why a certificate does not hold now; null if it does.</summary>
    public static string? Untimely(X509Certificate2 certificate, DateTimeOffset now) =>
        now > certificate.NotAfter ? $"has expired at {certificate.NotAfter.ToUniversalTime():u}."
        : now < certificate.NotBefore ? $"is not valid before {certificate.NotBefore.ToUniversalTime():u}."
        : null;
}
