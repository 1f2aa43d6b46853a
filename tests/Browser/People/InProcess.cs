using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Web;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Mail;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>The services of people on a database of their own, with a clock of the test's and no web server.</summary>
internal sealed class InProcess : IAsyncDisposable, ISiteHost
{
    private readonly PostgresServer _server;
    private readonly string _database;

    private InProcess(PostgresServer server, string database, IMail mail)
    {
        (_server, _database) = (server, database);
        DataSource = LedgerDataSource.Create(database);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton<ISiteHost>(this);
        services.AddSingleton(RandomSource.Secure);
        services.AddSingleton(Options.Create(new SiteOptions { Url = "http://localhost" }));
        services.AddKeyedSingleton(WebModule.PeoplePool, DataSource);
        services.AddDbContext<PeopleContext>(options => options.UseNpgsql(DataSource).UseSnakeCaseNamingConvention());
        services.AddSingleton<IDataProtectionProvider>(new EphemeralDataProtectionProvider());
        services.AddIdentityCore<Person>(static identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
            .AddUserStore<PersonStore>().AddDefaultTokenProviders();
        services.AddSingleton<MailQueue>();
        services.AddSingleton(mail);
        services.AddSingleton(new Memberships(DataSource));
        services.AddSingleton(new PersonalData(DataSource));
        services.AddSingleton(provider => new AccountOperations(null!, null!, RandomSource.Secure, Time));
        services.AddScoped<PersonMails>();
        services.AddScoped<Attempts>();
        services.AddScoped<SignIns>();
        services.AddScoped<IPasswordHasher<Person>, OrleansGateway.Web.Accounts.PasswordHasher>();
        services.AddScoped<Deletions>();
        services.AddSingleton<MailSender>();
        services.AddSingleton<PeoplePurge>();
        Services = services.BuildServiceProvider();
    }

    public FakeTimeProvider Time { get; } = new();

    public NpgsqlDataSource DataSource { get; }

    public ServiceProvider Services { get; }

    public bool IsReady => true;

    public CatalogSnapshot? Catalog => null;

    public int CallsDays => 90;

    public static async Task<InProcess> StartAsync(PostgresServer server, IMail mail)
    {
        var made = new InProcess(server, await server.CreateDatabaseAsync(), mail);
        await LedgerMigrator.ApplyAsync(made.DataSource, TestContext.Current.CancellationToken);
        return made;
    }

    /// <summary>Works with a context of its own.</summary>
    public async Task<T> WithAsync<T>(Func<PeopleContext, IServiceProvider, Task<T>> work)
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<PeopleContext>(), scope.ServiceProvider);
    }

    public async Task<object?> SqlAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    public string AddressOf(HttpContext context) => "127.0.0.1";

    public bool IsSecure(HttpContext context) => false;

    public async ValueTask DisposeAsync()
    {
        await Services.DisposeAsync();
        await DataSource.DisposeAsync();
        await _server.DropDatabaseAsync(_database);
    }
}
