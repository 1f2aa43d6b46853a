using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using Orleans.Runtime;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>A whole cluster: silos, edges and the site as processes, a Redis and a PostgreSQL of its own, and a simulated provider in this process.</summary>
internal sealed class ClusterFixture : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("og-cluster-").FullName;
    private readonly List<ClusterNode> _silos = [];
    private readonly List<ClusterNode> _edges = [];
    private readonly List<ClusterNode> _webs = [];
    private readonly Dictionary<string, string?> _shared;

    private ClusterFixture(PostgresCluster postgres, RedisServer redis, SimulatedProviderHost provider)
    {
        Certificates = redis.Certificates;
        Postgres = postgres;
        Redis = redis;
        Provider = provider;
        DataSource = LedgerDataSource.Create(postgres.ConnectionString);
        _shared = new Dictionary<string, string?>
        {
            ["Cluster:Mode"] = "cluster",
            ["Cluster:Redis"] = redis.Configuration,
            ["Cluster:RedisCertificateAuthority"] = Certificates.AuthorityFile,
            ["Cluster:Certificate"] = Certificates.Certificate,
            ["Cluster:CertificateKey"] = Certificates.Key,
            ["Cluster:CertificateAuthority"] = Certificates.AuthorityFile,
            ["Gateway:SigningSecrets:0"] = TestSettings.SigningSecret,
            ["Logging:LogLevel:OrleansGateway.Edge"] = "Warning",
            ["SIMULATED_PROVIDER_URL"] = new Uri(provider.BaseAddress, "v1").AbsoluteUri,
        };
    }

    public PostgresCluster Postgres { get; }

    public RedisServer Redis { get; }

    /// <summary>What all of it speaks TLS by.</summary>
    public ClusterCertificates Certificates { get; }

    public SimulatedProviderHost Provider { get; }

    public NpgsqlDataSource DataSource { get; }

    public IReadOnlyList<ClusterNode> Silos => _silos;

    public IReadOnlyList<ClusterNode> Edges => _edges;

    /// <summary>Where the site's mails go.</summary>
    public string MailFolder => Path.Combine(_folder, "mail");

    /// <summary>The catalog's file; a test may rewrite it.</summary>
    public string CatalogPath => Path.Combine(_folder, "catalog.json");

    /// <summary>The first silo's operator API.</summary>
    public OperatorClient Operator { get; private set; } = null!;

    /// <summary>A cluster whose silos and edges are ready.</summary>
    public static async Task<ClusterFixture> StartAsync(int silos = 3, int edges = 2)
    {
        var cluster = new ClusterFixture(
            await PostgresCluster.StartNewAsync(connectionsMax: 300), await RedisServer.StartNewAsync(new ClusterCertificates()), await SimulatedProviderHost.StartAsync());
        try
        {
            await File.WriteAllTextAsync(cluster.CatalogPath, TestSettings.Catalog);
            var nodes = Enumerable.Range(0, silos).Select(_ => cluster.AddSilo()).Concat(Enumerable.Range(0, edges).Select(_ => cluster.AddEdge())).ToList();
            nodes.ForEach(node => node.Start());
            foreach (var node in nodes)
            {
                await node.ReadyAsync();
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>One more silo, not started yet.</summary>
    public ClusterNode AddSilo()
    {
        var url = FreePort.Address();
        var silo = new ClusterNode($"silo{_silos.Count + 1}", GatewayProcess.Silo, url, new Dictionary<string, string?>(_shared)
        {
            ["Cluster:Address"] = "127.0.0.1",
            ["Cluster:SiloPort"] = FreePort.Next().ToString(CultureInfo.InvariantCulture),
            ["Cluster:EdgePort"] = FreePort.Next().ToString(CultureInfo.InvariantCulture),
            ["ConnectionStrings:Ledger"] = Postgres.ConnectionString,
            ["Gateway:Urls"] = "",
            ["Gateway:OperatorUrls"] = url,
            ["Gateway:OperatorSocket"] = Path.Combine(_folder, $"silo{_silos.Count + 1}.sock"),
            ["Gateway:OperatorToken"] = TestSettings.OperatorToken,
            ["Gateway:Catalog"] = CatalogPath,
        });
        _silos.Add(silo);
        Operator ??= new OperatorClient(silo.OperatorSocket);
        return silo;
    }

    /// <summary>A gateway of one machine, on the database of a silo; not started yet, and disposed by who made it.</summary>
    public static ClusterNode CreateSingle(ClusterNode silo)
    {
        var url = FreePort.Address();
        var settings = silo.Settings.Where(setting => !setting.Key.StartsWith("Cluster:", StringComparison.Ordinal));
        return new ClusterNode("single", GatewayProcess.Silo, url, new Dictionary<string, string?>(settings)
        {
            ["Gateway:Urls"] = FreePort.Address(),
            ["Gateway:OperatorUrls"] = url,
        });
    }

    /// <summary>One more edge, not started yet.</summary>
    public ClusterNode AddEdge()
    {
        var url = FreePort.Address();
        var edge = new ClusterNode($"edge{_edges.Count + 1}", "Edge", url, new Dictionary<string, string?>(_shared) { ["Gateway:Urls"] = url });
        _edges.Add(edge);
        return edge;
    }

    /// <summary>One more web of the site, not started yet.</summary>
    /// <param name="site">The site's settings, the same for all of them.</param>
    public ClusterNode AddWeb(IEnumerable<KeyValuePair<string, string?>> site)
    {
        var url = FreePort.Address();
        var web = new ClusterNode($"web{_webs.Count + 1}", GatewayProcess.Silo, url, new Dictionary<string, string?>(_shared.Concat(site))
        {
            ["ConnectionStrings:Ledger"] = Postgres.ConnectionString,
            ["Gateway:EncryptionSecrets:0"] = Convert.ToBase64String(new byte[32]),
            ["Gateway:Urls"] = url,
            ["Site:RelayUrl"] = Edges[0].Url.AbsoluteUri,
            ["Site:BcryptCost"] = "10",
            ["Site:MailFolder"] = MailFolder,
        }, "web");
        _webs.Add(web);
        return web;
    }

    /// <summary>Asks everything to stop, webs and edges before the silos, and waits until it has.</summary>
    public async Task StopAsync()
    {
        foreach (var nodes in new[] { _webs, _edges, _silos })
        {
            nodes.ForEach(node => node.Process.Signal(GatewayProcess.SigTerm));
            foreach (var node in nodes)
            {
                await node.StoppedAsync();
            }
        }
    }

    /// <summary>Waits until the other silos have declared this one's process dead.</summary>
    public Task DeclaredDeadAsync(ClusterNode silo)
    {
        // The newest process at its address: S127.0.0.1:11111:123.
        var address = $"S127.0.0.1:{silo.Settings["Cluster:SiloPort"]}:";
        return Load.UntilAsync(async _ =>
        {
            var processes = (await Redis.MembersAsync()).Where(member => member.Key.StartsWith(address, StringComparison.Ordinal));
            var newest = processes.MaxBy(process => long.Parse(process.Key[address.Length..], CultureInfo.InvariantCulture));
            return JsonNode.Parse(newest.Value)!["Status"]!.GetValue<int>() == (int)SiloStatus.Dead;
        }, $"{silo} to be declared dead");
    }

    public async Task<long> CountAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    /// <summary>Kills what still runs. The logs stay beside the test program until its next run.</summary>
    public async ValueTask DisposeAsync()
    {
        var test = TestContext.Current.TestMethod?.MethodName ?? TestContext.Current.TestClass?.TestClassSimpleName ?? "cluster";
        var logs = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "logs", test));
        foreach (var node in _webs.Concat(_edges).Concat(_silos))
        {
            await node.KeepLogAsync(logs.FullName);
            await node.DisposeAsync();
        }

        Operator?.Dispose();
        await Provider.DisposeAsync();
        await DataSource.DisposeAsync();
        await Redis.DisposeAsync();
        Certificates.Dispose();
        await Postgres.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
