using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Tests.Shared.Certificates;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>Certificates that are renewed while the process runs.</summary>
public sealed class ClusterTlsTests : IDisposable
{
    private readonly ClusterFiles _files = new();
    private readonly Lines _log = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Look_ANewCertificate_CountsOnceItHasBeenSeenTwice()
    {
        using var tls = Create();
        var old = tls.Own.SerialNumber;
        _files.Write(_files.Authority, _files.Now.AddDays(-1), _files.Now.AddDays(180));

        tls.Look();
        Assert.Equal(old, tls.Own.SerialNumber);
        tls.Look();
        Assert.Equal(SerialInFile(), tls.Own.SerialNumber);
        Assert.NotEqual(old, tls.Own.SerialNumber);
        Assert.Single(_log.Of(LogLevel.Information));
    }

    [Fact]
    public void Look_BetweenTheWritingOfTwoFiles_TellsNoError()
    {
        using var tls = Create();
        var (certificate, key) = _files.Authority.Issue("member", _files.Now.AddDays(-1), _files.Now.AddDays(180));
        File.WriteAllText(_files.Certificate, certificate);
        tls.Look();
        File.WriteAllText(_files.Key, key);
        tls.Look();
        tls.Look();

        Assert.Equal(SerialInFile(), tls.Own.SerialNumber);
        Assert.Empty(_log.Of(LogLevel.Error));
    }

    [Fact]
    public void Look_ABrokenFile_KeepsTheOldOneAndTellsOnce()
    {
        using var tls = Create();
        var old = tls.Own.SerialNumber;
        File.WriteAllText(_files.Key, "no PEM");
        for (var look = 0; look < 5; look++)
        {
            tls.Look();
        }

        Assert.Equal(old, tls.Own.SerialNumber);
        Assert.Contains("Cluster:CertificateKey", Assert.Single(_log.Of(LogLevel.Error)), StringComparison.Ordinal);
    }

    [Fact]
    public void Look_FilesOfAnotherClusterOrGone_KeepTheOldOne()
    {
        using var tls = Create();
        var old = tls.Own.SerialNumber;
        _files.Write(new CertificateAuthority("Another authority", _files.Now), _files.Now.AddDays(-1), _files.Now.AddDays(90));
        tls.Look();
        tls.Look();
        Assert.Equal(old, tls.Own.SerialNumber);
        File.Delete(_files.Certificate);
        tls.Look();
        tls.Look();
        Assert.Equal(old, tls.Own.SerialNumber);
        Assert.Equal(2, _log.Of(LogLevel.Error).Count());

        _files.Write(_files.Authority, _files.Now.AddDays(-1), _files.Now.AddDays(180));
        tls.Look();
        tls.Look();
        Assert.Equal(SerialInFile(), tls.Own.SerialNumber);
    }

    [Fact]
    public void Look_AsTimePasses_TellsOfTheEndBeforeAndAfterItOnceEach()
    {
        using var tls = Create();
        tls.Look();
        Assert.Empty(_log.Of(LogLevel.Warning));
        _files.Clock.Advance(TimeSpan.FromDays(85));
        tls.Look();
        tls.Look();
        Assert.Contains("Cluster:Certificate ", Assert.Single(_log.Of(LogLevel.Warning)), StringComparison.Ordinal);
        Assert.Empty(_log.Of(LogLevel.Error));
        _files.Clock.Advance(TimeSpan.FromDays(6));
        tls.Look();
        tls.Look();
        Assert.Contains("Cluster:Certificate ", Assert.Single(_log.Of(LogLevel.Error)), StringComparison.Ordinal);

        // A renewed one begins anew.
        _files.Write(_files.Authority, _files.Now.AddDays(-1), _files.Now.AddDays(10));
        tls.Look();
        tls.Look();
        _files.Clock.Advance(TimeSpan.FromDays(11));
        tls.Look();
        Assert.Equal(2, _log.Of(LogLevel.Error).Count());
    }

    private ClusterTls Create() => new(Options.Create(_files.Settings), _files.Clock, _log);

    private string SerialInFile()
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(_files.Certificate);
        return certificate.SerialNumber;
    }

    private sealed class Lines : ILogger<ClusterTls>
    {
        private readonly List<(LogLevel Level, string Text)> _lines = [];

        public IEnumerable<string> Of(LogLevel level) => _lines.Where(line => line.Level == level).Select(line => line.Text);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Add((logLevel, formatter(state, exception)));
    }
}
