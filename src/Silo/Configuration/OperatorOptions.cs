using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Configuration;

/// <summary>What whoever runs accounts is told beside <see cref="GatewayOptions"/>, in the same section <c>Gateway</c>.</summary>
internal sealed class OperatorOptions
{
    /// <summary>Where health and the dashboard listen over HTTP/1.1: addresses with semicolons between them.</summary>
    public string OperatorUrls { get; set; } = "";

    /// <summary>The path of the Unix socket on which the operator API listens; empty for none.</summary>
    public string OperatorSocket { get; set; } = "";

    /// <summary>Where the operator API listens besides: addresses with semicolons between them, https ones or of this machine alone.</summary>
    public string OperatorGrpcUrls { get; set; } = "";

    /// <summary>The path of the certificate for https in <see cref="OperatorGrpcUrls"/>, PEM, with what it is issued by.</summary>
    public string OperatorCertificate { get; set; } = "";

    /// <summary>The path of the certificate's key, PEM.</summary>
    public string OperatorCertificateKey { get; set; } = "";

    /// <summary>The bearer token of the operator API.</summary>
    public string OperatorToken { get; set; } = "";

    /// <summary>The path of the catalog file.</summary>
    public string Catalog { get; set; } = "";

    /// <summary>The clients' addresses, which must be others.</summary>
    public string Urls { get; set; } = "";
}

/// <summary>Checks <see cref="OperatorOptions"/>, all of them at once.</summary>
internal sealed class OperatorOptionsValidator(TimeProvider time) : IValidateOptions<OperatorOptions>
{
    private const int TokenLengthMin = 16;

    public ValidateOptionsResult Validate(string? name, OperatorOptions options)
    {
        var problems = new SettingProblems(GatewayOptions.Section);
        problems.CheckUrls(nameof(options.OperatorUrls), options.OperatorUrls);
        CheckShared(problems, nameof(options.OperatorUrls), options.OperatorUrls, nameof(options.Urls), options.Urls);
        CheckSocket(problems, options);
        CheckGrpc(problems, options);

        if (options.Catalog.Length == 0)
        {
            problems.Add(nameof(options.Catalog), "is missing: the path of the catalog file.");
        }

        if (options.OperatorToken.Length < TokenLengthMin)
        {
            problems.Add(nameof(options.OperatorToken), $"is missing or too short: at least {TokenLengthMin} characters.");
        }

        return problems.ToResult();
    }

    private static void CheckShared(SettingProblems problems, string setting, string urls, string other, string otherUrls)
    {
        var shared = SettingProblems.SplitUrls(otherUrls).Intersect(SettingProblems.SplitUrls(urls), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(url => !url.EndsWith(":0", StringComparison.Ordinal));
        if (shared is not null)
        {
            problems.Add(setting, $"has {shared}, which is in {problems.Name(other)} too.");
        }
    }

    private static void CheckSocket(SettingProblems problems, OperatorOptions options)
    {
        if (options.OperatorSocket.Length == 0)
        {
            if (options.OperatorGrpcUrls.Length == 0)
            {
                problems.Add(
                    nameof(options.OperatorSocket), $"is missing, and so is {problems.Name(nameof(options.OperatorGrpcUrls))}: operators need one of them.");
            }

            return;
        }

        var path = Path.GetFullPath(options.OperatorSocket);
        var length = Encoding.UTF8.GetByteCount(path);
        if (length > OperatorSocket.PathBytesMax)
        {
            problems.Add(nameof(options.OperatorSocket), $"is {path}: {length} bytes, but a socket's path has at most {OperatorSocket.PathBytesMax}.");
        }
    }

    private void CheckGrpc(SettingProblems problems, OperatorOptions options)
    {
        if (options.OperatorGrpcUrls.Length == 0)
        {
            return;
        }

        problems.CheckUrls(nameof(options.OperatorGrpcUrls), options.OperatorGrpcUrls);
        CheckShared(problems, nameof(options.OperatorGrpcUrls), options.OperatorGrpcUrls, nameof(options.Urls), options.Urls);
        CheckShared(problems, nameof(options.OperatorGrpcUrls), options.OperatorGrpcUrls, nameof(options.OperatorUrls), options.OperatorUrls);
        var urls = SettingProblems.SplitUrls(options.OperatorGrpcUrls)
            .Select(url => Uri.TryCreate(url, UriKind.Absolute, out var parsed) ? parsed : null).OfType<Uri>().ToList();
        foreach (var plain in urls.Where(url => url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback))
        {
            problems.Add(
                nameof(options.OperatorGrpcUrls),
                $"has {plain.OriginalString}: beyond this machine the token would be sent in plain text. Take https, or an address such as http://127.0.0.1:8082.");
        }

        if (urls.Any(url => url.Scheme == Uri.UriSchemeHttps))
        {
            CheckCertificate(problems, options);
        }
    }

    private void CheckCertificate(SettingProblems problems, OperatorOptions options)
    {
        foreach (var (setting, path) in new[]
        {
            (nameof(options.OperatorCertificate), options.OperatorCertificate), (nameof(options.OperatorCertificateKey), options.OperatorCertificateKey),
        })
        {
            if (!File.Exists(path))
            {
                problems.Add(setting, path.Length == 0 ? "is missing: https needs it, a PEM file." : $"is {path}, which is not there.");
                return;
            }
        }

        try
        {
            using var certificate = X509Certificate2.CreateFromPemFile(options.OperatorCertificate, options.OperatorCertificateKey);
            if (CertificateTimes.Untimely(certificate, time.GetUtcNow()) is { } untimely)
            {
                problems.Add(nameof(options.OperatorCertificate), untimely);
            }
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            problems.Add(nameof(options.OperatorCertificate), $"and its key cannot be used: {exception.Message}");
        }
    }
}
