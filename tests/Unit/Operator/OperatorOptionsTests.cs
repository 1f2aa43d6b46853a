using OrleansGateway.Silo.Configuration;
using OrleansGateway.Tests.Shared.Certificates;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operator;

public sealed class OperatorOptionsTests
{
    [Fact]
    public void Validate_OfTheDefaults_FindsNothing() => Assert.Empty(Problems(_ => { }));

    [Theory]
    [InlineData("http://127.0.0.1:8082")]
    [InlineData("http://[::1]:8082")]
    [InlineData("http://localhost:8082")]
    public void Validate_OfPlainTcpOnThisMachine_FindsNothing(string url) => Assert.Empty(Problems(options => options.OperatorGrpcUrls = url));

    [Theory]
    [InlineData("http://0.0.0.0:8082")]
    [InlineData("http://10.0.0.11:8082")]
    [InlineData("http://[::]:8082")]
    [InlineData("http://gateway.example:8082")]
    [InlineData("http://127.0.0.1:8082;http://10.0.0.11:8082")]
    public void Validate_OfPlainTcpBeyondThisMachine_NamesTheSetting(string urls) =>
        AssertNames("Gateway:OperatorGrpcUrls (Gateway__OperatorGrpcUrls)", "plain text", options => options.OperatorGrpcUrls = urls);

    [Fact]
    public void Validate_OfHttpsWithoutACertificate_NamesItsSetting() =>
        AssertNames("Gateway:OperatorCertificate (", "is missing", options => options.OperatorGrpcUrls = "https://10.0.0.11:8082");

    [Theory]
    [InlineData("has expired", "has expired at")]
    [InlineData("is of next year", "is not valid before")]
    [InlineData("is no PEM", "cannot be used")]
    [InlineData("is of another key", "cannot be used")]
    public void Validate_OfACertificateThat_NamesItsSetting(string fault, string says)
    {
        var now = TimeProvider.System.GetUtcNow();
        var authority = new CertificateAuthority("operators", now);
        var (from, to) = fault switch
        {
            "has expired" => (now.AddDays(-2), now.AddDays(-1)),
            "is of next year" => (now.AddDays(364), now.AddDays(366)),
            _ => (now.AddDays(-1), now.AddDays(1)),
        };
        var (certificate, key) = authority.Issue("127.0.0.1", from, to);
        var folder = Directory.CreateTempSubdirectory("og-operator-");
        try
        {
            var (certificateFile, keyFile) = (Path.Combine(folder.FullName, "own.pem"), Path.Combine(folder.FullName, "own.key"));
            File.WriteAllText(certificateFile, fault == "is no PEM" ? "certificate" : certificate);
            File.WriteAllText(keyFile, fault == "is of another key" ? authority.Issue("other", from, to).Key : key);
            AssertNames("Gateway:OperatorCertificate (", says, options =>
                (options.OperatorGrpcUrls, options.OperatorCertificate, options.OperatorCertificateKey) = ("https://10.0.0.11:8082", certificateFile, keyFile));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Validate_OfASocketPathThatIsTooLong_NamesTheSetting() =>
        AssertNames("Gateway:OperatorSocket (", "at most 107", options => options.OperatorSocket = "/" + new string('s', 107));

    [Fact]
    public void Validate_OfNowhereToListen_NamesTheSetting() =>
        AssertNames("Gateway:OperatorSocket (", "OperatorGrpcUrls", options => options.OperatorSocket = "");

    [Fact]
    public void Validate_OfOneAddressForTwo_NamesBoth() =>
        AssertNames("Gateway:OperatorGrpcUrls (", "Gateway:OperatorUrls", options => options.OperatorGrpcUrls = options.OperatorUrls);

    private static void AssertNames(string setting, string says, Action<OperatorOptions> configure)
    {
        var problem = Assert.Single(Problems(configure));
        Assert.StartsWith(setting, problem, StringComparison.Ordinal);
        Assert.Contains(says, problem, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Problems(Action<OperatorOptions> configure)
    {
        var options = new OperatorOptions
        {
            OperatorUrls = "http://127.0.0.1:8081",
            OperatorSocket = "/run/operator.sock",
            OperatorToken = "token-of-16-chars",
            Catalog = "catalog.json",
            Urls = "http://127.0.0.1:8080",
        };
        configure(options);
        return new OperatorOptionsValidator(TimeProvider.System).Validate(null, options).Failures ?? [];
    }
}
